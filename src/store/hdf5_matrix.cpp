// Matrices in HDF5 files, plain and virtual (dataset_source.h).
#include <algorithm>
#include <optional>

#include "base/error.h"
#include "store/hdf5_handle.h"
#include "store/matrix_format.h"
#include "store/virtual_source.h"

namespace kohort::store {
namespace {

using base::ErrorKind;
using base::fail;

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
        dataset_ = hdf5::open_dataset(file_.id(), ref.file, ref.dataset);
        name = dataset_.name;
        rows = dataset_.shape[0];
        columns = dataset_.shape[1];
        files.push_back(ref.file);
        if (!hdf5::is_virtual(dataset_)) return;
        blocks_ = hdf5::source_blocks(dataset_, ref.file);
        for (const auto& block : blocks_)
            if (std::find(files.rbegin(), files.rend(), block.file) == files.rend())
                files.push_back(block.file);
    }

    ~Hdf5Matrix() override {
        const hdf5::Lock lock;
        source_.reset();
        dataset_ = {};
        file_.close();
    }

    void read_rows(std::int64_t first, std::int64_t count, float* into) const override {
        const hdf5::Lock lock;
        if (blocks_.empty()) {
            dataset_.read_rows(H5T_NATIVE_FLOAT, first, count, into);
            return;
        }
        auto block =
            std::upper_bound(blocks_.begin(), blocks_.end(), first,
                             [](std::int64_t row, const auto& candidate) { return row < candidate.first; }) -
            1;
        while (count > 0) {
            const auto within = first - block->first;
            const auto taken = std::min(count, block->count - within);
            source_of(*block).read_rows(H5T_NATIVE_FLOAT, block->source_first + within, taken, into);
            into += taken * columns;
            first += taken;
            count -= taken;
            ++block;
        }
    }

  private:
    // Rows are mostly read in order: the last source stays open, and never more than one.
    const hdf5::Dataset& source_of(const hdf5::SourceBlock& block) const {
        if (opened_ != &block) {
            source_.reset();
            source_ = hdf5::open_source(block, columns);
            opened_ = &block;
        }
        return source_->dataset;
    }

    hdf5::Handle file_;
    hdf5::Dataset dataset_;
    std::vector<hdf5::SourceBlock> blocks_;           // empty: a plain dataset
    mutable std::optional<hdf5::OpenSource> source_;  // guarded by hdf5::Lock
    mutable const hdf5::SourceBlock* opened_ = nullptr;
};

}  // namespace

std::unique_ptr<MatrixSource::Format> open_hdf5_matrix(const DatasetRef& ref) {
    return std::make_unique<Hdf5Matrix>(ref);
}

}  // namespace kohort::store
