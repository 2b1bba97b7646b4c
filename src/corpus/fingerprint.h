// What an input file holds, in a few bytes: the same whichever ranks read which part of it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace kohort::corpus {

// 128 bits: two wrapping sums over the file's blocks of XXH3-64 of (block's number, bytes), under two seeds. It
// tells a changed input from an unchanged one; it is no protection against someone who wants the same sums.
struct Fingerprint {
    static constexpr std::int64_t block = 4096;

    std::array<std::uint64_t, 2> sums{};
    std::uint64_t bytes = 0;

    // `bytes` is block number `number` of the file: `block` bytes, fewer only at the file's end.
    void add_block(std::int64_t number, std::string_view content);

    std::string text() const;  // "10901865 bytes 0123…" with 32 hex digits
};

}  // namespace kohort::corpus
