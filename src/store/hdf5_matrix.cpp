// Matrices in HDF5 files, plain and virtual (dataset_source.h).
#include <optional>

#include "base/error.h"
#include "store/hdf5_handle.h"
#include "store/matrix_format.h"
#include "store/virtual_source.h"

namespace kohort::store {
namespace {

using base::ErrorKind;
using base::fail;

// Files of others may have large chunks; one that is read in several pieces is unpacked once.
constexpr std::size_t chunk_cache = std::size_t{64} << 20;

bool is_matrix(hid_t file, const std::string& name) {
    const hdf5::Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset) return false;
    const hdf5::Handle space(H5Dget_space(dataset.id()), H5Sclose), type(H5Dget_type(dataset.id()), H5Tclose);
    return space && type && H5Sget_simple_extent_ndims(space.id()) == 2 &&
           H5Tget_class(type.id()) == H5T_FLOAT;
}

std::string list_of_matrices(hid_t file) {
    std::string list;
    for (const auto& name : hdf5::dataset_names(file))
        if (is_matrix(file, name)) list += (list.empty() ? "" : ", ") + name;
    return list.empty() ? "none" : list;
}

class Hdf5Matrix : public MatrixSource::Format {
  public:
    explicit Hdf5Matrix(const DatasetRef& ref) {
        const hdf5::Lock lock;
        try {
            file_ = hdf5::open_file(ref.file);
        } catch (const base::Error& error) {
            fail(ErrorKind::input, "{}", error.what());
        }
        if (!hdf5::exists(file_.id(), ref.dataset) || !is_matrix(file_.id(), ref.dataset))
            fail(ErrorKind::usage, "{} has no matrix of floats named {}; it has: {}", ref.file.string(),
                 ref.dataset, list_of_matrices(file_.id()));
        reader_.emplace(hdf5::open_dataset(file_.id(), ref.file, ref.dataset, chunk_cache), ref.file);
        name = reader_->dataset().name;
        rows = reader_->dataset().shape[0];
        columns = reader_->dataset().shape[1];
        element_size = reader_->dataset().element_size;
        files.push_back(ref.file);
        for (const auto& source : reader_->sources())
            if (source.file != files.back()) files.push_back(source.file);
    }

    void read_rows(std::int64_t first, std::int64_t count, float* into) const override {
        const hdf5::Lock lock;
        reader_->read_rows(H5T_NATIVE_FLOAT, first, count, into);
    }

  private:
    hdf5::Handle file_;
    mutable std::optional<hdf5::RowReader> reader_;  // its open source changes, guarded by hdf5::Lock
};

}  // namespace

std::unique_ptr<MatrixSource::Format> open_hdf5_matrix(const DatasetRef& ref) {
    return std::make_unique<Hdf5Matrix>(ref);
}

}  // namespace kohort::store
