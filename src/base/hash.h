// Hashes: a fast 64-bit one that decides partitions, SHA-256 for files and digests, a keyed one for pseudonyms.
// The 64-bit hash is part of the format: the partition of a user must never change between versions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace kohort::base {

// XXH3-64 of the bytes with seed 0 (or the given one).
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);

// Streaming SHA-256 (FIPS 180-4).
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    void update(std::string_view bytes);
    std::string hex();  // 64 lower-case hex digits; the object is spent afterwards

  private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);

// SHA-256 of a file's bytes; `breathe` is called now and then. Throws Error(environment) when it cannot be read.
std::string sha256_file(const std::filesystem::path& path, const std::function<void()>& breathe = {});

// BLAKE2b with a key (RFC 7693), 16 bytes, as 32 hex digits. The key has 16 to 64 bytes.
std::string keyed_pseudonym(std::string_view key, std::string_view id);

}  // namespace kohort::base
