#include "model/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/hash.h"
#include "model/safetensors_header.h"

namespace kohort::model {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

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
    auto contents = parse_safetensors(mapping_->bytes(), path);
    tensors_ = std::move(contents.tensors);
    metadata_ = std::move(contents.metadata);
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
    header[std::string(safetensors_metadata_key)] = {{"format", "pt"}};
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
