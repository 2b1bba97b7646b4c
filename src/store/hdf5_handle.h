// The thin layer between HDF5's C API and the rest of this folder: one lock, owned identifiers, and errors as
// exceptions in our words. Only .cpp files of this folder include it.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "store/float16.h"

namespace kohort::store::hdf5 {

// Debian's HDF5 is not thread-safe: whoever calls it holds a Lock. HDF5's own printing
// of its error stack is off while it is held (it is a setting of the thread in a thread-safe build).
class Lock {
  public:
    Lock();

  private:
    std::lock_guard<std::recursive_mutex> held_;
};

// An HDF5 identifier with the function that closes it.
class Handle {
  public:
    using Close = herr_t (*)(hid_t);

    Handle() = default;
    Handle(hid_t id, Close closer) : id_(id), close_(closer) {}
    Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(close_, other.close_);
        return *this;
    }
    ~Handle() { close(); }

    hid_t id() const { return id_; }
    explicit operator bool() const { return id_ >= 0; }
    bool close();  // takes the lock by itself; false: HDF5 could not finish its work

  private:
    hid_t id_ = -1;
    Close close_ = nullptr;
};

// What the innermost entry of HDF5's error stack says, without addresses and times; empty when there is none.
std::string last_error();

// Throws Error(internal) "cannot ACTION: …" when `id` is not a valid identifier. For calls that fail only
// when memory ends or we call wrongly.
Handle own(hid_t id, Handle::Close close, const std::string& action);
void require(bool succeeded, const std::string& action);

// Opens a file for reading, without HDF5's file locks (finished files never change, and some parallel file
// systems refuse locks). Error(environment) when it is missing, truncated or no HDF5 file; the message names
// it.
Handle open_file(const std::filesystem::path& path);

// A dataset open for reading, in the words of this project.
struct Dataset {
    Handle id;
    std::string name;                 // "FILE: /obs/segment", for messages
    std::vector<std::int64_t> shape;  // 1 or 2 numbers
    std::size_t element_size = 0;     // bytes of one stored element

    std::int64_t columns() const { return shape.size() == 2 ? shape[1] : 1; }
    // Rows [first, first + count) as `type` into memory for count * columns() elements. Error(environment)
    // when the data are damaged, Error(internal) for rows that do not exist.
    void read_rows(hid_t type, std::int64_t first, std::int64_t count, void* into) const;
    Handle stored_type() const;
};

// Error(internal) where the dataset has no rows [first, first + count).
void require_rows(const Dataset& dataset, std::int64_t first, std::int64_t count);

// Error(environment) when there is no such dataset, or it is neither a vector nor a matrix.
// `chunk_cache` bytes of unpacked chunks are kept while it is open.
Dataset open_dataset(hid_t file, const std::filesystem::path& path, const std::string& name,
                     std::size_t chunk_cache = std::size_t{1} << 20);

bool exists(hid_t file, const std::string& name);  // every group on the way too

// Names of the groups and datasets directly in `group`, in order of creation.
std::vector<std::string> member_names(hid_t file, const std::string& group);

// Names of all datasets under `group`, absolute, in order of creation.
std::vector<std::string> dataset_names(hid_t file, const std::string& group = "/");

// IEEE half precision, little-endian, which HDF5 does not name; under a Lock. It lives as long as the process.
hid_t float16_type();

// How T is kept in a file (always little-endian) and in memory.
template <class T>
hid_t stored_type_of() {
    if constexpr (std::is_same_v<T, float>) return H5T_IEEE_F32LE;
    if constexpr (std::is_same_v<T, double>) return H5T_IEEE_F64LE;
    if constexpr (std::is_same_v<T, Float16>) return float16_type();
    if constexpr (std::is_same_v<T, std::int8_t>) return H5T_STD_I8LE;
    if constexpr (std::is_same_v<T, std::uint8_t>) return H5T_STD_U8LE;
    if constexpr (std::is_same_v<T, std::int32_t>) return H5T_STD_I32LE;
    if constexpr (std::is_same_v<T, std::int64_t>) return H5T_STD_I64LE;
}
template <class T>
hid_t memory_type_of() {
    if constexpr (std::is_same_v<T, float>) return H5T_NATIVE_FLOAT;
    if constexpr (std::is_same_v<T, double>) return H5T_NATIVE_DOUBLE;
    if constexpr (std::is_same_v<T, Float16>) return float16_type();
    if constexpr (std::is_same_v<T, std::int8_t>) return H5T_NATIVE_INT8;
    if constexpr (std::is_same_v<T, std::uint8_t>) return H5T_NATIVE_UINT8;
    if constexpr (std::is_same_v<T, std::int32_t>) return H5T_NATIVE_INT32;
    if constexpr (std::is_same_v<T, std::int64_t>) return H5T_NATIVE_INT64;
}

// Fixed-length UTF-8 of `width` bytes, padded with zeros.
Handle fixed_string_type(std::int64_t width);

// Attributes of an object; an existing one is replaced. Strings are variable-length here, because h5py and
// anndata take fixed-length attributes for bytes.
void write_attribute(hid_t object, const std::string& name, const std::string& value);
void write_attribute(hid_t object, const std::string& name, std::int64_t value);
void write_attribute(hid_t object, const std::string& name, double value);
void write_attribute(hid_t object, const std::string& name, const std::vector<std::string>& values);
void write_boolean_attribute(hid_t object, const std::string& name, bool value);  // h5py's boolean

bool has_attribute(hid_t object, const std::string& name);
// The attribute's value; `where` ("FILE: /obs") stands in messages. Error(environment) when it is missing or
// of another type.
std::string read_string_attribute(hid_t object, const std::string& name, const std::string& where);
std::int64_t read_integer_attribute(hid_t object, const std::string& name, const std::string& where);
std::vector<std::string> read_strings_attribute(hid_t object, const std::string& name,
                                                const std::string& where);

}  // namespace kohort::store::hdf5
