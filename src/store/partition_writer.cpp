// PartitionWriter (partition_file.h).
#include <algorithm>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "store/hdf5_image.h"
#include "store/partition_file.h"

namespace kohort::store {

using base::ErrorKind;
using base::fail;

struct PartitionWriter::State {
    explicit State(const std::filesystem::path& where) : path(where), image(where) {}

    std::filesystem::path path;
    hdf5::Image image;

    void check_shape(const std::string& name, std::size_t values,
                     const std::vector<std::int64_t>& shape) const {
        const bool plausible =
            (shape.size() == 1 || shape.size() == 2) &&
            std::all_of(shape.begin(), shape.end(), [](std::int64_t size) { return size >= 0; });
        std::int64_t product = 1;
        for (const auto size : shape) product *= size;
        if (!plausible || product != static_cast<std::int64_t>(values))
            fail(ErrorKind::internal, "{}: {} has {} values, which do not fit its shape", path.string(), name,
                 values);
        if (hdf5::exists(image.file(), name))
            fail(ErrorKind::internal, "{}: {} is written twice", path.string(), name);
    }

    template <class Value>
    void set_attribute(const std::string& object, const std::string& name, const Value& value) {
        const hdf5::Lock lock;
        hdf5::write_attribute(image.open_object(object).id(), name, value);
    }
};

PartitionWriter::PartitionWriter(const std::filesystem::path& path, std::string_view stage,
                                 std::string_view key) {
    const hdf5::Lock lock;
    state_ = std::make_unique<State>(path);
    state_->image.set_identity(stage, key);
}

PartitionWriter::~PartitionWriter() = default;

PartitionWriter::PartitionWriter(PartitionWriter&&) noexcept = default;

template <class T>
void PartitionWriter::write(const std::string& name, std::span<const T> values,
                            const std::vector<std::int64_t>& shape, Filter filter) {
    const hdf5::Lock lock;
    state_->check_shape(name, values.size(), shape);
    const auto dataset =
        state_->image.make_dataset(name, hdf5::stored_type_of<T>(), sizeof(T), shape, filter);
    if (!values.empty()) state_->image.fill(dataset, name, hdf5::memory_type_of<T>(), values.data());
}

void PartitionWriter::write_strings(const std::string& name, const std::vector<std::string>& values,
                                    std::int64_t width) {
    if (width < 1)
        fail(ErrorKind::internal, "{}: {} cannot have a width of {}", state_->path.string(), name, width);
    const auto bytes = static_cast<std::size_t>(width);
    std::vector<char> padded(values.size() * bytes, '\0');
    for (std::size_t row = 0; row < values.size(); ++row) {
        const auto& value = values[row];
        // A value that ends in NUL would come back shorter: such bytes have no place in fixed-length text.
        if (value.size() > bytes || value.find('\0') != std::string::npos)
            fail(ErrorKind::internal, "{}: row {} of {} has {} bytes, or a NUL; the width is {}",
                 state_->path.string(), row, name, value.size(), width);
        std::copy(value.begin(), value.end(), padded.begin() + static_cast<std::ptrdiff_t>(row * bytes));
    }
    const hdf5::Lock lock;
    const std::vector<std::int64_t> shape{static_cast<std::int64_t>(values.size())};
    state_->check_shape(name, values.size(), shape);
    const auto type = hdf5::fixed_string_type(width);
    const auto dataset = state_->image.make_dataset(name, type.id(), bytes, shape, Filter::deflate);
    if (!values.empty()) state_->image.fill(dataset, name, type.id(), padded.data());
}

void PartitionWriter::set_attribute(const std::string& object, const std::string& name,
                                    const std::string& value) {
    state_->set_attribute(object, name, value);
}
void PartitionWriter::set_attribute(const std::string& object, const std::string& name, std::int64_t value) {
    state_->set_attribute(object, name, value);
}
void PartitionWriter::set_attribute(const std::string& object, const std::string& name, double value) {
    state_->set_attribute(object, name, value);
}
void PartitionWriter::set_attribute(const std::string& object, const std::string& name,
                                    const std::vector<std::string>& values) {
    state_->set_attribute(object, name, values);
}

std::string PartitionWriter::commit() {
    {
        const hdf5::Lock lock;
        state_->image.close();
    }
    const auto bytes = state_->image.bytes();
    auto digest = base::sha256_hex(bytes);
    base::write_file_atomically(state_->path, bytes);
    return digest;
}

template void PartitionWriter::write(const std::string&, std::span<const float>,
                                     const std::vector<std::int64_t>&, Filter);
template void PartitionWriter::write(const std::string&, std::span<const double>,
                                     const std::vector<std::int64_t>&, Filter);
template void PartitionWriter::write(const std::string&, std::span<const Float16>,
                                     const std::vector<std::int64_t>&, Filter);
template void PartitionWriter::write(const std::string&, std::span<const std::int8_t>,
                                     const std::vector<std::int64_t>&, Filter);
template void PartitionWriter::write(const std::string&, std::span<const std::uint8_t>,
                                     const std::vector<std::int64_t>&, Filter);
template void PartitionWriter::write(const std::string&, std::span<const std::int32_t>,
                                     const std::vector<std::int64_t>&, Filter);
template void PartitionWriter::write(const std::string&, std::span<const std::int64_t>,
                                     const std::vector<std::int64_t>&, Filter);

}  // namespace kohort::store
