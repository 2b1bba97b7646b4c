// What a unigram vocabulary is as a tokenizer.
#include "text/unigram_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "temporary_folder.h"
#include "text/text_marks.h"
#include "text/tokenizer.h"

namespace kohort::text {
namespace {

using testing::ElementsAre;

TEST(UnigramFiles, give_a_tokenizer_of_the_pieces) {
    const TemporaryFolder folder;
    const UnigramPieces pieces{{"手机", -2}, {"壳", -3}, {"手", -4},  {"机壳", -4.5},
                               {"ab", -5},   {"a", -6},  {"b", -6.5}, {"!", -7}};
    save_unigram(pieces, true, 2, folder.path(), 128);
    const auto tokenizer = load_tokenizer(folder.path());
    EXPECT_EQ(tokenizer->vocabulary_size(), static_cast<std::int64_t>(pieces.size()) + unigram_tokens_added(2));
    EXPECT_EQ(tokenizer->special().pad, 0);
    EXPECT_EQ(tokenizer->special().unknown, 1);
    EXPECT_EQ(tokenizer->special().mask, 4);
    EXPECT_THAT(find_text_marks(*tokenizer).sentinels, ElementsAre(14, 13));
    EXPECT_EQ(tokenizer->token(5), "手机");
    const auto ids = [&](std::string_view text) { return tokenizer->encode_for_model(text, 99); };
    EXPECT_THAT(ids("手机壳 ＡＢ！"), ElementsAre(2, 5, 6, 9, 12, 3));  // NFKC, then small letters
    EXPECT_THAT(ids("手\u3000机壳"), ElementsAre(2, 7, 8, 3));          // white space cuts
    EXPECT_THAT(ids("壳xyz壳"), ElementsAre(2, 6, 1, 6, 3));            // a row of unknown characters is one token
    EXPECT_THAT(ids("a[MASK]b"), ElementsAre(2, 10, 4, 11, 3));
    EXPECT_THAT(ids(""), ElementsAre(2, 3));
    EXPECT_THAT(tokenizer->encode_pair_for_model("a", "b", 9), ElementsAre(2, 10, 3, 11, 3));

    // Again the same bytes, and a tokenizer saved is the one that was read.
    const TemporaryFolder again, saved;
    save_unigram(pieces, true, 2, again.path(), 128);
    tokenizer->save(saved.path(), 128);
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}) {
        EXPECT_EQ(base::read_file(again.path() / name), base::read_file(folder.path() / name));
        EXPECT_EQ(base::read_file(saved.path() / name), base::read_file(folder.path() / name));
    }
    save_unigram(pieces, false, 0, again.path(), 128);
    EXPECT_THAT(load_tokenizer(again.path())->encode_for_model("AB", 99), ElementsAre(2, 1, 3));
}

}  // namespace
}  // namespace kohort::text
