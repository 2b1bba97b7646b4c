// The bytes of one input file, plain or compressed, read in pieces and counted. For a compressed file (.gz, .zst)
// offsets count decompressed bytes; reading backwards starts over at the file's beginning.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

namespace kohort::corpus {

enum class Compression { none, gzip, zstd };

// By the file's name: .gz, .zst.
Compression compression_of(const std::filesystem::path& path);

// The name without .gz or .zst.
std::filesystem::path uncompressed_name(const std::filesystem::path& path);

class ByteSource {
  public:
    virtual ~ByteSource() = default;

    // Fills `into` from `offset` on as far as the input goes; fewer bytes than asked for mean its end.
    // Error(input) when a compressed file is damaged, Error(environment) when reading fails.
    virtual std::int64_t read_at(std::int64_t offset, std::span<char> into) = 0;

    // Bytes in the input, where that is known without reading it.
    virtual std::optional<std::int64_t> size() const = 0;

    // Bytes read from the file system (compressed ones, where the file is) by this object.
    std::int64_t bytes_read() const { return bytes_read_; }

  protected:
    std::int64_t bytes_read_ = 0;
};

// Error(input) when the file cannot be opened.
std::unique_ptr<ByteSource> open_source(const std::filesystem::path& path);

}  // namespace kohort::corpus
