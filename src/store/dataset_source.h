// Any matrix that a person names on the command line, as rows of floats: FILE.h5:/path (float16, float32 or
// float64; also a virtual dataset such as kohort.h5:/obsm/embedding) or FILE.npy. Partitions of such an input
// are ranges of its rows, so that every rank reads its own rows and no others.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace kohort::store {

struct DatasetRef {
    std::filesystem::path file;
    std::string dataset;  // "/obsm/embedding"; empty for a .npy file
};

// From "FILE.h5:/path" or "FILE.npy". Error(usage) for anything else.
DatasetRef parse_dataset(const std::string& text);

// Thread-safe. Opening throws Error(input) when the file is missing or is of neither kind, and Error(usage)
// when the file has no such matrix (the message lists those it has).
class MatrixSource {
  public:
    explicit MatrixSource(const DatasetRef& ref);
    ~MatrixSource();
    MatrixSource(MatrixSource&&) noexcept;

    std::int64_t rows() const;
    std::int64_t columns() const;
    std::size_t element_size() const;  // bytes of a number as it is stored: 8 for float64, which is rounded

    // Rows [first, first + count), [count, columns()] row by row. Values are as stored, NaN and infinity
    // included; a float64 is rounded to the nearest float. Error(environment) when the data are damaged, or a
    // source of a virtual dataset is missing: fill values are never returned.
    std::vector<float> read_rows(std::int64_t first, std::int64_t count) const;
    void read_rows(std::int64_t first, std::int64_t count, std::span<float> into) const;

    // Every file that the rows come from: the one that was named, and the sources of a virtual dataset.
    const std::vector<std::filesystem::path>& files() const;

    class Format;  // one implementation a file format

  private:
    std::unique_ptr<Format> format_;
};

}  // namespace kohort::store
