#include "model/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "base/atomic_file.h"
#include "base/hash.h"

namespace kohort::model {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

constexpr std::uint64_t length_bytes = 8;
constexpr std::uint64_t largest_header = 100'000'000;  // the limit of the format's own library
constexpr std::string_view metadata_key = "__metadata__";

struct TypeEntry {
    ElementType type;
    std::string_view name;
    std::int64_t bytes;
};
constexpr std::array<TypeEntry, 13> types{{{ElementType::f64, "F64", 8},
                                           {ElementType::f32, "F32", 4},
                                           {ElementType::f16, "F16", 2},
                                           {ElementType::bf16, "BF16", 2},
                                           {ElementType::i64, "I64", 8},
                                           {ElementType::i32, "I32", 4},
                                           {ElementType::i16, "I16", 2},
                                           {ElementType::i8, "I8", 1},
                                           {ElementType::u64, "U64", 8},
                                           {ElementType::u32, "U32", 4},
                                           {ElementType::u16, "U16", 2},
                                           {ElementType::u8, "U8", 1},
                                           {ElementType::boolean, "BOOL", 1}}};

const TypeEntry& entry_of(ElementType type) {
    return *std::find_if(types.begin(), types.end(), [&](const TypeEntry& entry) { return entry.type == type; });
}

template <class... Args>
[[noreturn]] void refuse(SafetensorsFailure failure, const std::filesystem::path& path, fmt::format_string<Args...> format,
                         Args&&... args) {
    throw SafetensorsError(failure, fmt::format("{} is not a valid safetensors file ({}): {}", path.string(),
                                                name_of(failure), fmt::format(format, std::forward<Args>(args)...)));
}

// Parses the header. The JSON library keeps the last of two equal keys, so keys are watched as they are read.
Json parse_header(std::string_view text, const std::filesystem::path& path) {
    constexpr int deepest = 3;  // the root, a tensor's entry, its shape
    std::array<std::set<std::string>, deepest + 1> keys;
    const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
        if (depth > deepest) refuse(SafetensorsFailure::not_json, path, "the header is nested too deep");
        const auto level = static_cast<std::size_t>(depth);
        if (event == Json::parse_event_t::object_start) {
            if (level < deepest) keys[level + 1].clear();
        } else if (event == Json::parse_event_t::key && !keys[level].insert(value.get<std::string>()).second) {
            refuse(SafetensorsFailure::duplicate_name, path, "\"{}\" stands twice", value.get<std::string>());
        }
        return true;
    };
    Json header;
    try {
        header = Json::parse(text, watch);
    } catch (const Json::exception& error) {
        refuse(SafetensorsFailure::not_json, path, "{}", error.what());
    }
    if (!header.is_object()) refuse(SafetensorsFailure::not_json, path, "the header is not an object");
    return header;
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
    const auto type = std::find_if(types.begin(), types.end(), [&](const TypeEntry& t) { return t.name == type_name; });
    if (type == types.end())
        refuse(SafetensorsFailure::unknown_type, path, "tensor \"{}\" has the unknown type \"{}\"", name, type_name);

    TensorView tensor{name, type->type, {}, {}};
    auto bytes = static_cast<std::uint64_t>(type->bytes);
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
               "tensor \"{}\" lies at {} to {} of {} bytes; the file may be cut off", name, offsets[0], offsets[1], data.size());
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

float half_to_float(std::uint16_t half) {
    const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16, exponent = (half >> 10) & 0x1Fu, fraction = half & 0x3FFu;
    if (exponent == 0) {  // zero and subnormal numbers: fraction * 2^-24
        const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | (fraction << 13));
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

template <class Stored, class Convert>
void convert(std::span<const std::byte> bytes, std::span<float> out, Convert convert_one) {
    for (std::size_t i = 0; i < out.size(); ++i) {
        Stored value;  // copied: the data need not be aligned
        std::memcpy(&value, bytes.data() + i * sizeof(Stored), sizeof(Stored));
        out[i] = convert_one(value);
    }
}

}  // namespace

std::int64_t bytes_per_element(ElementType type) { return entry_of(type).bytes; }
std::string_view name_of(ElementType type) { return entry_of(type).name; }

std::string_view name_of(SafetensorsFailure failure) {
    switch (failure) {
        case SafetensorsFailure::too_short: return "too short";
        case SafetensorsFailure::header_too_large: return "header too large";
        case SafetensorsFailure::header_beyond_end: return "header beyond the end";
        case SafetensorsFailure::not_json: return "header is not JSON";
        case SafetensorsFailure::duplicate_name: return "duplicate name";
        case SafetensorsFailure::malformed_metadata: return "malformed metadata";
        case SafetensorsFailure::malformed_entry: return "malformed entry";
        case SafetensorsFailure::unknown_type: return "unknown type";
        case SafetensorsFailure::size_overflow: return "size overflow";
        case SafetensorsFailure::offsets_out_of_range: return "offsets out of range";
        case SafetensorsFailure::size_mismatch: return "size mismatch";
        case SafetensorsFailure::offsets_overlap: return "offsets overlap";
        case SafetensorsFailure::offsets_leave_a_gap: return "offsets leave a gap";
        case SafetensorsFailure::missing_tensor: return "missing tensor";
        case SafetensorsFailure::not_a_float: return "not a float";
    }
    return "unknown";
}

struct SafetensorsFile::Mapping {
    void* address = nullptr;
    std::size_t size = 0;

    explicit Mapping(const std::filesystem::path& path) {
        const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        struct stat status {};
        if (descriptor < 0 || ::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
            const int code = descriptor < 0 ? errno : EISDIR;
            if (descriptor >= 0) ::close(descriptor);
            base::fail(base::ErrorKind::input, "cannot read the weights {}: {}", path.string(), std::strerror(code));
        }
        size = static_cast<std::size_t>(status.st_size);
        if (size > 0) address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        ::close(descriptor);
        if (address == MAP_FAILED) base::fail_errno("map " + path.string());
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() {
        if (size > 0) ::munmap(address, size);
    }
    std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address), size}; }
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : path_(path), mapping_(std::make_unique<Mapping>(path)) {
    const auto bytes = mapping_->bytes();
    if (bytes.size() < length_bytes) refuse(SafetensorsFailure::too_short, path, "it has {} bytes", bytes.size());
    std::uint64_t header_size;
    std::memcpy(&header_size, bytes.data(), length_bytes);
    if (header_size > largest_header) refuse(SafetensorsFailure::header_too_large, path, "its header claims {} bytes", header_size);
    if (header_size > bytes.size() - length_bytes)
        refuse(SafetensorsFailure::header_beyond_end, path, "its header claims {} bytes of a file of {}", header_size, bytes.size());

    const auto data = bytes.subspan(length_bytes + header_size);
    const Json header =
        parse_header({reinterpret_cast<const char*>(bytes.data()) + length_bytes, header_size}, path);
    std::vector<Extent> extents;
    for (const auto& [name, entry] : header.items()) {  // sorted by name
        if (name != metadata_key) {
            tensors_.push_back(parse_entry(name, entry, data, path, extents));
            continue;
        }
        if (!entry.is_object()) refuse(SafetensorsFailure::malformed_metadata, path, "it is not an object");
        for (const auto& [key, value] : entry.items()) {
            if (!value.is_string()) refuse(SafetensorsFailure::malformed_metadata, path, "\"{}\" is not a string", key);
            metadata_[key] = value.get<std::string>();
        }
    }
    for (std::size_t i = 0; i < tensors_.size(); ++i) extents[i].name = &tensors_[i].name;
    check_cover(std::move(extents), data.size(), path);
}

SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;

const TensorView& SafetensorsFile::tensor(std::string_view name) const {
    const auto found = std::lower_bound(tensors_.begin(), tensors_.end(), name,
                                        [](const TensorView& tensor, std::string_view wanted) { return tensor.name < wanted; });
    if (found == tensors_.end() || found->name != name)
        throw SafetensorsError(SafetensorsFailure::missing_tensor,
                               fmt::format("{} has no tensor \"{}\"", path_.string(), name));
    return *found;
}

void to_float(const TensorView& tensor, std::span<float> out) {
    switch (tensor.type) {
        case ElementType::f32: std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size()); return;
        case ElementType::f16: return convert<std::uint16_t>(tensor.bytes, out, half_to_float);
        case ElementType::bf16:
            return convert<std::uint16_t>(tensor.bytes, out,
                                          [](std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); });
        case ElementType::f64:
            return convert<double>(tensor.bytes, out, [](double value) { return static_cast<float>(value); });
        default:
            throw SafetensorsError(SafetensorsFailure::not_a_float,
                                   fmt::format("tensor \"{}\" has the type {}, which holds no weights; F32, F16, BF16 and F64 do",
                                               tensor.name, name_of(tensor.type)));
    }
}

std::string write_safetensors(const std::filesystem::path& path, std::vector<TensorView> tensors) {
    std::sort(tensors.begin(), tensors.end(), [](const TensorView& a, const TensorView& b) { return a.name < b.name; });
    nlohmann::ordered_json header;
    header[std::string(metadata_key)] = {{"format", "pt"}};
    std::uint64_t offset = 0;
    for (const TensorView& tensor : tensors) {
        if (header.contains(tensor.name))
            base::fail(base::ErrorKind::internal, "two tensors to be written are named \"{}\"", tensor.name);
        nlohmann::ordered_json entry;
        entry["dtype"] = name_of(tensor.type);
        entry["shape"] = tensor.shape;
        entry["data_offsets"] = {offset, offset + tensor.bytes.size()};
        header[tensor.name] = std::move(entry);
        offset += tensor.bytes.size();
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begin on a multiple of 8

    const std::uint64_t length = text.size();
    base::Sha256 sha;
    base::AtomicFile file(path);
    const auto write = [&](std::string_view bytes) {
        sha.update(bytes);
        file.write(bytes);
    };
    write({reinterpret_cast<const char*>(&length), sizeof length});
    write(text);
    for (const TensorView& tensor : tensors) write({reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()});
    file.commit();
    return sha.hex();
}

}  // namespace kohort::model
