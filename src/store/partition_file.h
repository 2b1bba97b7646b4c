// One HDF5 file of a run: written by one rank under a temporary name, renamed when complete, byte-identical
// for identical content. Every file carries its stage, its stage's key and kohort_format = 1. HDF5 is not
// thread-safe as Debian builds it: calls into it are serialised inside this class, so writers and readers may
// be used from several threads (one object by one thread at a time).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/float16.h"

namespace kohort::store {

// The number in kohort_format of HDF5 files and in run.json.
inline constexpr std::int64_t format_version = 1;

// How a dataset is stored; always chunked (about 1 MiB, or smaller for a small dataset) with fletcher32.
enum class Filter {
    none,    // vectors: deflate saves little and reads eight times slower
    deflate  // text, ids, labels: shuffle + deflate level 4
};

// Element types: float, double, std::int8_t, std::uint8_t, std::int32_t, std::int64_t; and Float16, which MatrixSource
// (dataset_source.h) reads.
class PartitionWriter {
  public:
    // The file appears at `path` at commit(). Parent groups of a dataset's name ("/obs/_index") are made as
    // needed, with AnnData's encoding-type/encoding-version attributes where their name calls for them.
    PartitionWriter(const std::filesystem::path& path, std::string_view stage, std::string_view key);
    ~PartitionWriter();  // without commit(): removes the temporary file
    PartitionWriter(PartitionWriter&&) noexcept;

    // shape.size() is 1 or 2 and its product is values.size(); an empty dataset is allowed.
    template <class T>
    void write(const std::string& name, std::span<const T> values, const std::vector<std::int64_t>& shape,
               Filter filter);
    template <class T>
    void write(const std::string& name, const std::vector<T>& values, Filter filter) {
        write(name, std::span<const T>(values), {static_cast<std::int64_t>(values.size())}, filter);
    }
    // Fixed-length UTF-8, zero-padded to `width` bytes (>= 1 and >= the longest): anndata's string-array.
    void write_strings(const std::string& name, const std::vector<std::string>& values, std::int64_t width);

    // object: "/" or the name of a group or dataset that exists.
    void set_attribute(const std::string& object, const std::string& name, const std::string& value);
    void set_attribute(const std::string& object, const std::string& name, std::int64_t value);
    void set_attribute(const std::string& object, const std::string& name, std::int32_t value) {
        set_attribute(object, name, std::int64_t{value});
    }
    void set_attribute(const std::string& object, const std::string& name, double value);
    void set_attribute(const std::string& object, const std::string& name,
                       const std::vector<std::string>& values);

    // Closes, flushes, renames. Returns the file's SHA-256 as hex.
    std::string commit();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// Error(environment) when a file is missing or damaged (names the file and the dataset); Error(usage) when it
// was written by a newer format.
class PartitionReader {
  public:
    explicit PartitionReader(const std::filesystem::path& path);
    ~PartitionReader();
    PartitionReader(PartitionReader&&) noexcept;

    std::string stage() const;
    std::string key() const;
    bool has(const std::string& name) const;
    std::vector<std::int64_t> shape(const std::string& name) const;

    // The stored type must be T.
    template <class T>
    std::vector<T> read(const std::string& name) const;
    template <class T>
    std::vector<T> read_rows(const std::string& name, std::int64_t first, std::int64_t count) const;
    std::vector<std::string> read_strings(const std::string& name) const;

    bool has_attribute(const std::string& object, const std::string& name) const;
    std::string string_attribute(const std::string& object, const std::string& name) const;
    std::int64_t integer_attribute(const std::string& object, const std::string& name) const;
    std::vector<std::string> strings_attribute(const std::string& object, const std::string& name) const;

    // Reads every dataset once, so that fletcher32 is checked. Throws as above.
    void check_all() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// "part-00042.h5"
std::string partition_file_name(std::int32_t partition);

}  // namespace kohort::store
