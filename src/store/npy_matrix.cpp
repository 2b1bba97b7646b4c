// Matrices in NumPy's .npy files (dataset_source.h): numpy.lib.format, versions 1.0 to 3.0.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "store/matrix_format.h"

namespace kohort::store {
namespace {

using base::ErrorKind;
using base::fail;

// IEEE 754 binary16 to binary32, exactly.
float half_to_float(std::uint16_t half) {
    const std::uint32_t sign = (half & 0x8000u) << 16, exponent = (half >> 10) & 31u, fraction = half & 1023u;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
    if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;  // zero or subnormal
    return sign != 0 ? -magnitude : magnitude;
}

class NpyMatrix : public MatrixSource::Format {
  public:
    explicit NpyMatrix(const std::filesystem::path& path) {
        name = path.string();
        files.push_back(path);
        descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (descriptor_ < 0) fail(ErrorKind::input, "cannot read {}: {}", name, std::strerror(errno));
        try {
            read_header();
        } catch (...) {
            ::close(descriptor_);
            throw;
        }
    }
    ~NpyMatrix() override { ::close(descriptor_); }

    void read_rows(std::int64_t first, std::int64_t count, float* into) const override {
        const auto values = static_cast<std::size_t>(count * columns);
        const auto offset = data_offset_ + first * columns * static_cast<std::int64_t>(width_);
        if (width_ == sizeof(float)) {
            read_bytes(offset, values * width_, into);
            return;
        }
        std::vector<char> raw(values * width_);
        read_bytes(offset, raw.size(), raw.data());
        for (std::size_t i = 0; i < values; ++i) into[i] = value_at(raw.data() + i * width_);
    }

  private:
    [[noreturn]] void refuse(const std::string& why) const {
        fail(ErrorKind::input,
             "cannot use {}: {}; a C-ordered matrix of float16, float32 or float64 is wanted", name, why);
    }

    void read_bytes(std::int64_t offset, std::size_t count, void* into) const {
        auto* next = static_cast<char*>(into);
        while (count > 0) {
            const ssize_t got = ::pread(descriptor_, next, count, offset);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) base::fail_errno("read " + name);
            if (got == 0) fail(ErrorKind::environment, "cannot read {}: it has become shorter", name);
            next += got;
            offset += got;
            count -= static_cast<std::size_t>(got);
        }
    }

    float value_at(const char* raw) const {
        if (width_ == 2) {
            std::uint16_t half = 0;
            std::memcpy(&half, raw, sizeof half);
            return half_to_float(half);
        }
        double value = 0;
        std::memcpy(&value, raw, sizeof value);
        return static_cast<float>(value);
    }

    void read_header() {
        struct stat status {};
        if (::fstat(descriptor_, &status) != 0) base::fail_errno("read " + name);
        unsigned char start[12] = {};
        const auto size = static_cast<std::int64_t>(status.st_size);
        if (size < 12) refuse("it is no .npy file");
        read_bytes(0, sizeof start, start);
        if (std::memcmp(start, "\x93NUMPY", 6) != 0 || start[6] < 1 || start[6] > 3)
            refuse("it is no .npy file");
        const std::int64_t prefix = start[6] == 1 ? 10 : 12;
        std::int64_t length = start[8] | start[9] << 8;
        if (start[6] > 1)
            length |= static_cast<std::int64_t>(start[10]) << 16 | static_cast<std::int64_t>(start[11]) << 24;
        if (length > size - prefix) refuse("its header is cut off");
        std::string header(static_cast<std::size_t>(length), '\0');
        read_bytes(prefix, header.size(), header.data());
        data_offset_ = prefix + length;
        read_type(value_of(header, "'descr':"));
        if (!value_of(header, "'fortran_order':").starts_with("False")) refuse("its order is Fortran's (numpy.ascontiguousarray makes the other)");
        element_size = static_cast<std::size_t>(width_);
        read_shape(value_of(header, "'shape':"));
        const auto room = (size - data_offset_) / static_cast<std::int64_t>(width_);
        if (columns > 0 && rows > room / columns) refuse("it is cut off");
    }

    // The text after a name in the header, which is the text of a Python dictionary.
    std::string value_of(const std::string& header, const std::string& key) const {
        auto at = header.find(key);
        if (at == std::string::npos) refuse("its header is damaged");
        at += key.size();
        while (at < header.size() && header[at] == ' ') ++at;
        return header.substr(at);
    }

    void read_type(const std::string& text) {
        if (text.starts_with("'<f2'"))
            width_ = 2;
        else if (text.starts_with("'<f4'"))
            width_ = 4;
        else if (text.starts_with("'<f8'"))
            width_ = 8;
        else
            refuse("its elements are " + text.substr(0, text.find(',')) + " (numpy's x.astype(\"float32\") makes them others)");
    }

    void read_shape(const std::string& text) {
        std::vector<std::int64_t> shape;
        const auto end = text.find(')');
        if (!text.starts_with('(') || end == std::string::npos) refuse("its header is damaged");
        for (std::size_t at = 1; at < end;) {
            if (std::isdigit(static_cast<unsigned char>(text[at])) == 0) {
                ++at;
                continue;
            }
            std::int64_t value = 0;
            for (; std::isdigit(static_cast<unsigned char>(text[at])) != 0; ++at) {
                if (value > (std::int64_t{1} << 48)) refuse("its header is damaged");
                value = 10 * value + (text[at] - '0');
            }
            shape.push_back(value);
        }
        if (shape.size() == 1) shape.push_back(1);  // numbers alone are a matrix of one column
        if (shape.size() != 2) refuse(fmt::format("it has {} dimensions", shape.size()));
        rows = shape[0];
        columns = shape[1];
    }

    int descriptor_ = -1;
    std::size_t width_ = 0;
    std::int64_t data_offset_ = 0;
};

}  // namespace

std::unique_ptr<MatrixSource::Format> open_npy_matrix(const std::filesystem::path& path) {
    return std::make_unique<NpyMatrix>(path);
}

}  // namespace kohort::store
