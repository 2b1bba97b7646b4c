#include "base/hash.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace kohort::base {
namespace {

TEST(Hash, sha256_gives_the_known_answers) {  // FIPS 180-4 examples
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Hash, the_partition_hash_never_changes) {  // XXH3-64 of the empty input with seed 0, from the xxHash project
    EXPECT_EQ(hash64(""), 0x2D06800538D394C2ULL);
}

TEST(Hash, pseudonyms_depend_on_key_and_id) {
    const std::string key(32, 'k'), other(32, 'x');
    EXPECT_EQ(keyed_pseudonym(key, "u1").size(), 32u);
    EXPECT_NE(keyed_pseudonym(key, "u1"), keyed_pseudonym(other, "u1"));
    EXPECT_NE(keyed_pseudonym(key, "u1"), keyed_pseudonym(key, "u2"));
    EXPECT_THROW(keyed_pseudonym("short", "u1"), Error);
}

}  // namespace
}  // namespace kohort::base
