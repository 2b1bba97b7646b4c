// PartitionReader (partition_file.h).
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "store/hdf5_handle.h"
#include "store/partition_file.h"
#include "store/virtual_source.h"

namespace kohort::store {

using base::ErrorKind;
using base::fail;

struct PartitionReader::State {
    std::filesystem::path path;
    hdf5::Handle file;

    hdf5::Dataset dataset(const std::string& name) const { return hdf5::open_dataset(file.id(), path, name); }

    template <class Read>
    auto attribute(const std::string& object, const std::string& name, Read read) const {
        const hdf5::Lock lock;
        if (!hdf5::exists(file.id(), object))
            fail(ErrorKind::environment, "{}: {} does not exist", path.string(), object);
        const hdf5::Handle holder(H5Oopen(file.id(), object.c_str(), H5P_DEFAULT), H5Oclose);
        if (!holder)
            fail(ErrorKind::environment, "cannot open {}: {} (HDF5 says: {})", path.string(), object,
                 hdf5::last_error());
        return read(holder.id(), name, path.string() + ": " + object);
    }
};

PartitionReader::PartitionReader(const std::filesystem::path& path) {
    const hdf5::Lock lock;
    state_ = std::make_unique<State>(State{path, hdf5::open_file(path)});
    const auto file = state_->file.id();
    if (!hdf5::has_attribute(file, "kohort_format"))
        fail(ErrorKind::environment, "{} was not written by Kohort (it has no attribute kohort_format)",
             path.string());
    const auto format = hdf5::read_integer_attribute(file, "kohort_format", path.string());
    if (format > format_version)
        fail(ErrorKind::usage,
             "{} has format {}, and this version of Kohort reads up to {}: use a newer Kohort", path.string(),
             format, format_version);
}

PartitionReader::~PartitionReader() = default;

PartitionReader::PartitionReader(PartitionReader&&) noexcept = default;

std::string PartitionReader::stage() const {
    return string_attribute("/", "kohort_stage");
}
std::string PartitionReader::key() const {
    return string_attribute("/", "kohort_key");
}

bool PartitionReader::has(const std::string& name) const {
    const hdf5::Lock lock;
    return hdf5::exists(state_->file.id(), name);
}

std::vector<std::int64_t> PartitionReader::shape(const std::string& name) const {
    const hdf5::Lock lock;
    return state_->dataset(name).shape;
}

template <class T>
std::vector<T> PartitionReader::read(const std::string& name) const {
    return read_rows<T>(name, 0, shape(name)[0]);
}

template <class T>
std::vector<T> PartitionReader::read_rows(const std::string& name, std::int64_t first,
                                          std::int64_t count) const {
    const hdf5::Lock lock;
    hdf5::RowReader reader(state_->dataset(name), state_->path);
    const auto& dataset = reader.dataset();
    if (H5Tequal(dataset.stored_type().id(), hdf5::stored_type_of<T>()) <= 0)
        fail(ErrorKind::environment,
             "{} has another element type than expected: the file is damaged or not Kohort's", dataset.name);
    std::vector<T> values(static_cast<std::size_t>(std::max<std::int64_t>(count, 0) * dataset.columns()));
    reader.read_rows(hdf5::memory_type_of<T>(), first, count, values.data());
    return values;
}

std::vector<std::string> PartitionReader::read_strings(const std::string& name) const {
    const hdf5::Lock lock;
    hdf5::RowReader reader(state_->dataset(name), state_->path);
    const auto& dataset = reader.dataset();
    const auto type = dataset.stored_type();
    if (H5Tget_class(type.id()) != H5T_STRING || H5Tis_variable_str(type.id()) > 0 ||
        dataset.shape.size() != 1)
        fail(ErrorKind::environment,
             "{} is not a vector of fixed-length strings: the file is damaged or not Kohort's", dataset.name);
    const auto rows = static_cast<std::size_t>(dataset.shape[0]);
    std::vector<char> padded(rows * dataset.element_size);
    reader.read_rows(type.id(), 0, dataset.shape[0], padded.data());
    std::vector<std::string> values;
    values.reserve(rows);
    for (std::size_t row = 0; row < rows; ++row) {
        const char* text = padded.data() + row * dataset.element_size;
        values.emplace_back(text, ::strnlen(text, dataset.element_size));
    }
    return values;
}

bool PartitionReader::has_attribute(const std::string& object, const std::string& name) const {
    return state_->attribute(object, name, [](hid_t holder, const std::string& wanted, const std::string&) {
        return hdf5::has_attribute(holder, wanted.c_str());
    });
}
std::string PartitionReader::string_attribute(const std::string& object, const std::string& name) const {
    return state_->attribute(object, name, hdf5::read_string_attribute);
}
std::int64_t PartitionReader::integer_attribute(const std::string& object, const std::string& name) const {
    return state_->attribute(object, name, hdf5::read_integer_attribute);
}
std::vector<std::string> PartitionReader::strings_attribute(const std::string& object,
                                                            const std::string& name) const {
    return state_->attribute(object, name, hdf5::read_strings_attribute);
}

void PartitionReader::check_all() const {
    constexpr std::int64_t block_bytes = 4 << 20;
    const hdf5::Lock lock;
    std::vector<char> block;
    for (const auto& name : hdf5::dataset_names(state_->file.id())) {
        const auto dataset = state_->dataset(name);
        if (hdf5::is_virtual(dataset)) continue;  // its sources are files of their own (check_virtual_index)
        const auto type = dataset.stored_type();
        const auto row_bytes =
            std::max<std::int64_t>(dataset.columns() * static_cast<std::int64_t>(dataset.element_size), 1);
        const auto rows = std::max<std::int64_t>(block_bytes / row_bytes, 1);
        block.resize(static_cast<std::size_t>(std::min(rows, dataset.shape[0]) * row_bytes));
        for (std::int64_t first = 0; first < dataset.shape[0]; first += rows)
            dataset.read_rows(type.id(), first, std::min(rows, dataset.shape[0] - first), block.data());
    }
}

std::string partition_file_name(std::int32_t partition) {
    return fmt::format("part-{:05d}.h5", partition);
}

template std::vector<float> PartitionReader::read(const std::string&) const;
template std::vector<double> PartitionReader::read(const std::string&) const;
template std::vector<std::int8_t> PartitionReader::read(const std::string&) const;
template std::vector<std::uint8_t> PartitionReader::read(const std::string&) const;
template std::vector<std::int32_t> PartitionReader::read(const std::string&) const;
template std::vector<std::int64_t> PartitionReader::read(const std::string&) const;
template std::vector<float> PartitionReader::read_rows(const std::string&, std::int64_t, std::int64_t) const;
template std::vector<double> PartitionReader::read_rows(const std::string&, std::int64_t, std::int64_t) const;
template std::vector<std::int8_t> PartitionReader::read_rows(const std::string&, std::int64_t,
                                                             std::int64_t) const;
template std::vector<std::uint8_t> PartitionReader::read_rows(const std::string&, std::int64_t,
                                                              std::int64_t) const;
template std::vector<std::int32_t> PartitionReader::read_rows(const std::string&, std::int64_t,
                                                              std::int64_t) const;
template std::vector<std::int64_t> PartitionReader::read_rows(const std::string&, std::int64_t,
                                                              std::int64_t) const;

}  // namespace kohort::store
