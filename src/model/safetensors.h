// Reads and writes safetensors files, the format that model weights travel in: an 8-byte length, a JSON header,
// the bytes of all tensors. A file from elsewhere is not trusted: whatever the format does not allow is refused.
// Format: the README of the safetensors project, section "Format".
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/element_type.h"

namespace kohort::model {

// One tensor of a file, or one to be written; `bytes` is little-endian, row-major, and owned by someone else.
struct TensorView {
    std::string name;
    ElementType type = ElementType::f32;
    std::vector<std::int64_t> shape;  // empty: a scalar
    std::span<const std::byte> bytes;
};

// Everything that can be wrong with a file.
enum class SafetensorsFailure {
    too_short,             // not even a header's length
    header_too_large,      // over 100 MB
    header_beyond_end,     // the header's length leads past the end of the file
    not_json,              // the header is no JSON object in UTF-8, or is nested deeper than the format is
    duplicate_name,        // a key stands twice in one object
    malformed_metadata,    // __metadata__ is not an object of strings
    malformed_entry,       // an entry without a well-formed dtype, shape and data_offsets, or with anything else
    unknown_type,          // a dtype that the format does not know
    size_overflow,         // the shape's product does not fit
    offsets_out_of_range,  // begin > end, or end beyond the data: also what a cut-off file looks like
    size_mismatch,         // the offsets hold another number of bytes than dtype and shape ask for
    offsets_overlap,
    offsets_leave_a_gap,   // bytes that belong to no tensor, between tensors or at the end
    missing_tensor,
    not_a_float            // to_float() of another type
};
std::string_view name_of(SafetensorsFailure failure);

// Of kind input: the program ends with exit code 3.
class SafetensorsError : public base::Error {
  public:
    SafetensorsError(SafetensorsFailure failure, const std::string& message)
        : Error(base::ErrorKind::input, message), failure_(failure) {}
    SafetensorsFailure failure() const { return failure_; }

  private:
    SafetensorsFailure failure_;
};

// A file mapped into memory: opening costs the header only, however large the weights are.
class SafetensorsFile {
  public:
    // Throws SafetensorsError for a malformed file, Error(input) for one that cannot be read.
    explicit SafetensorsFile(const std::filesystem::path& path);
    ~SafetensorsFile();
    SafetensorsFile(SafetensorsFile&&) noexcept;

    const std::filesystem::path& path() const { return path_; }
    const std::vector<TensorView>& tensors() const { return tensors_; }  // sorted by name
    const TensorView& tensor(std::string_view name) const;               // missing_tensor
    const std::map<std::string, std::string>& metadata() const { return metadata_; }

  private:
    struct Mapping;
    std::filesystem::path path_;
    std::unique_ptr<Mapping> mapping_;
    std::vector<TensorView> tensors_;
    std::map<std::string, std::string> metadata_;
};

// The values of an F32, F16, BF16 or F64 tensor; out.size() is the product of its shape.
void to_float(const TensorView& tensor, std::span<float> out);

// Writes the tensors sorted by name, with the metadata {"format": "pt"} that Hugging Face's loaders ask for; equal
// tensors give equal bytes. The file appears when it is complete. Returns its SHA-256 as hex.
std::string write_safetensors(const std::filesystem::path& path, std::vector<TensorView> tensors);

}  // namespace kohort::model
