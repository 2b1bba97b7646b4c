#include "base/hash.h"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <cerrno>
#include <vector>

#include "base/error.h"

namespace kohort::base {
namespace {

std::string to_hex(std::span<const unsigned char> bytes) {
    std::string text(bytes.size() * 2 + 1, '\0');
    sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
    text.pop_back();
    return text;
}

const unsigned char* as_bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

struct Sha256::State {
    crypto_hash_sha256_state sha;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { crypto_hash_sha256_init(&state_->sha); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) { crypto_hash_sha256_update(&state_->sha, as_bytes(bytes), bytes.size()); }

std::string Sha256::hex() {
    std::array<unsigned char, crypto_hash_sha256_BYTES> digest;
    crypto_hash_sha256_final(&state_->sha, digest.data());
    return to_hex(digest);
}

std::string sha256_hex(std::string_view bytes) {
    Sha256 sha;
    sha.update(bytes);
    return sha.hex();
}

std::string sha256_file(const std::filesystem::path& path, const std::function<void()>& breathe) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail_errno("open " + path.string());
    std::vector<char> chunk(1 << 20);
    Sha256 sha;
    for (;;) {
        const ssize_t got = ::read(descriptor, chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            ::close(descriptor);
            fail_errno("read " + path.string());
        }
        if (got == 0) break;
        sha.update({chunk.data(), static_cast<std::size_t>(got)});
        if (breathe) breathe();
    }
    ::close(descriptor);
    return sha.hex();
}

std::string keyed_pseudonym(std::string_view key, std::string_view id) {
    if (key.size() < std::size_t{crypto_generichash_KEYBYTES_MIN} || key.size() > crypto_generichash_KEYBYTES_MAX)
        fail(ErrorKind::usage, "the pseudonym key has {} bytes; it must have {} to {}", key.size(),
             crypto_generichash_KEYBYTES_MIN, crypto_generichash_KEYBYTES_MAX);
    std::array<unsigned char, 16> digest;
    crypto_generichash(digest.data(), digest.size(), as_bytes(id), id.size(), as_bytes(key), key.size());
    return to_hex(digest);
}

}  // namespace kohort::base
