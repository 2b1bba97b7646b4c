#include "model/safetensors_header.h"

#include <algorithm>
#include <cstring>

#include "model/unique_key_json.h"

namespace kohort::model {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t largest_header = 100'000'000;  // the limit of the format's own library

template <class... Args>
[[noreturn]] void refuse(SafetensorsFailure failure, const std::filesystem::path& path, fmt::format_string<Args...> format,
                         Args&&... args) {
    throw SafetensorsError(failure, fmt::format("{} is not a valid safetensors file ({}): {}", path.string(),
                                                name_of(failure), fmt::format(format, std::forward<Args>(args)...)));
}

std::vector<std::uint64_t> unsigned_list(const Json& entry, const char* key, const std::string& name,
                                         const std::filesystem::path& path) {
    const auto found = entry.find(key);
    if (found == entry.end() || !found->is_array())
        refuse(SafetensorsFailure::malformed_entry, path, "tensor \"{}\" has no list \"{}\"", name, key);
    std::vector<std::uint64_t> values;
    for (const Json& value : *found) {
        if (!value.is_number_unsigned())
            refuse(SafetensorsFailure::malformed_entry, path, "\"{}\" of tensor \"{}\" holds something else than a count",
                   key, name);
        values.push_back(value.get<std::uint64_t>());
    }
    return values;
}

struct Extent {
    std::uint64_t begin, end;
    const std::string* name;
};

TensorView parse_entry(const std::string& name, const Json& entry, std::span<const std::byte> data,
                       const std::filesystem::path& path, std::vector<Extent>& extents) {
    if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") || !entry["dtype"].is_string())
        refuse(SafetensorsFailure::malformed_entry, path,
               "the entry of tensor \"{}\" is not {{\"dtype\", \"shape\", \"data_offsets\"}}", name);
    const auto type_name = entry["dtype"].get<std::string>();
    const auto type = parse_element_type(type_name);
    if (!type)
        refuse(SafetensorsFailure::unknown_type, path, "tensor \"{}\" has the unknown type \"{}\"", name, type_name);

    TensorView tensor{name, *type, {}, {}};
    auto bytes = static_cast<std::uint64_t>(bytes_per_element(*type));
    for (const std::uint64_t extent : unsigned_list(entry, "shape", name, path)) {
        if (extent > INT64_MAX || __builtin_mul_overflow(bytes, extent, &bytes))
            refuse(SafetensorsFailure::size_overflow, path, "the shape of tensor \"{}\" overflows", name);
        tensor.shape.push_back(static_cast<std::int64_t>(extent));
    }
    const auto offsets = unsigned_list(entry, "data_offsets", name, path);
    if (offsets.size() != 2)
        refuse(SafetensorsFailure::malformed_entry, path, "tensor \"{}\" has {} offsets instead of 2", name, offsets.size());
    if (offsets[0] > offsets[1] || offsets[1] > data.size())
        refuse(SafetensorsFailure::offsets_out_of_range, path,
               "tensor \"{}\" lies at {} to {} of {} bytes; the file may be cut off", name, offsets[0], offsets[1],
               data.size());
    if (offsets[1] - offsets[0] != bytes)
        refuse(SafetensorsFailure::size_mismatch, path, "tensor \"{}\" has {} bytes, its shape and type need {}", name,
               offsets[1] - offsets[0], bytes);
    tensor.bytes = data.subspan(offsets[0], bytes);
    extents.push_back({offsets[0], offsets[1], nullptr});
    return tensor;
}

// The tensors must cover the data from the first byte to the last, each byte once.
void check_cover(std::vector<Extent> extents, std::uint64_t size, const std::filesystem::path& path) {
    std::sort(extents.begin(), extents.end(),
              [](const Extent& a, const Extent& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
    std::uint64_t covered = 0;
    for (const Extent& extent : extents) {
        if (extent.begin < covered)
            refuse(SafetensorsFailure::offsets_overlap, path, "tensor \"{}\" begins inside another", *extent.name);
        if (extent.begin > covered)
            refuse(SafetensorsFailure::offsets_leave_a_gap, path, "{} bytes before tensor \"{}\" belong to no tensor",
                   extent.begin - covered, *extent.name);
        covered = extent.end;
    }
    if (covered != size)
        refuse(SafetensorsFailure::offsets_leave_a_gap, path, "{} bytes at the end belong to no tensor", size - covered);
}

std::map<std::string, std::string> parse_metadata(const Json& entry, const std::filesystem::path& path) {
    if (!entry.is_object()) refuse(SafetensorsFailure::malformed_metadata, path, "it is not an object");
    std::map<std::string, std::string> metadata;
    for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) refuse(SafetensorsFailure::malformed_metadata, path, "\"{}\" is not a string", key);
        metadata[key] = value.get<std::string>();
    }
    return metadata;
}

}  // namespace

SafetensorsContents parse_safetensors(std::span<const std::byte> file, const std::filesystem::path& path) {
    if (file.size() < safetensors_length_bytes) refuse(SafetensorsFailure::too_short, path, "it has {} bytes", file.size());
    std::uint64_t length;
    std::memcpy(&length, file.data(), safetensors_length_bytes);
    if (length > largest_header) refuse(SafetensorsFailure::header_too_large, path, "its header claims {} bytes", length);
    if (length > file.size() - safetensors_length_bytes)
        refuse(SafetensorsFailure::header_beyond_end, path, "its header claims {} bytes of a file of {}", length, file.size());

    const std::string_view text(reinterpret_cast<const char*>(file.data()) + safetensors_length_bytes, length);
    constexpr int deepest = 3;  // the root, a tensor's entry, its shape
    const Json header = parse_unique_keys(text, deepest, [&](JsonProblem problem, const std::string& what) {
        refuse(problem == JsonProblem::duplicate_key ? SafetensorsFailure::duplicate_name : SafetensorsFailure::not_json, path,
               "{}", what);
    });
    const auto data = file.subspan(safetensors_length_bytes + length);
    SafetensorsContents contents;
    std::vector<Extent> extents;
    for (const auto& [name, entry] : header.items()) {  // sorted by name
        if (name == safetensors_metadata_key) contents.metadata = parse_metadata(entry, path);
        else contents.tensors.push_back(parse_entry(name, entry, data, path, extents));
    }
    for (std::size_t i = 0; i < extents.size(); ++i) extents[i].name = &contents.tensors[i].name;
    check_cover(std::move(extents), data.size(), path);
    return contents;
}

}  // namespace kohort::model
