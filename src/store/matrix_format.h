// What a file format gives MatrixSource (dataset_source.h).
#pragma once

#include "store/dataset_source.h"

namespace kohort::store {

class MatrixSource::Format {
  public:
    virtual ~Format() = default;
    virtual void read_rows(std::int64_t first, std::int64_t count, float* into) const = 0;

    std::string name;  // for messages
    std::int64_t rows = 0, columns = 0;
    std::size_t element_size = 0;  // bytes of a stored number
    std::vector<std::filesystem::path> files;
};

std::unique_ptr<MatrixSource::Format> open_hdf5_matrix(const DatasetRef& ref);
std::unique_ptr<MatrixSource::Format> open_npy_matrix(const std::filesystem::path& path);

}  // namespace kohort::store
