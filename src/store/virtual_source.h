// Where the rows of an HDF5 dataset really lie. HDF5 itself reads fill values, silently, wherever a source of
// a virtual dataset is missing, too short, or cannot be opened because the process has too many files open;
// so this program never lets it: it looks the sources up and reads them itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "store/hdf5_handle.h"

namespace kohort::store::hdf5 {

// Rows [first, first + count) of a virtual dataset are rows [source_first, source_first + count) of a source.
struct SourceBlock {
    std::filesystem::path file;
    std::string dataset;
    std::int64_t first = 0, count = 0, source_first = 0;
    bool whole = false;  // these are to be all rows of the source
};

bool is_virtual(const Dataset& dataset);

// The blocks of a virtual dataset of the file at `path`, in order of rows, together all of its rows.
// Error(input) when it is not made of blocks of whole rows, or when rows have no source.
std::vector<SourceBlock> source_blocks(const Dataset& dataset, const std::filesystem::path& path);

// Rows of a dataset, from wherever they lie. Sources are opened when they are needed, and at most one is open
// at a time. Like all of HDF5, it is used under a Lock.
class RowReader {
  public:
    // `dataset` belongs to the file at `path`.
    RowReader(Dataset dataset, const std::filesystem::path& path);

    const Dataset& dataset() const { return dataset_; }
    const std::vector<SourceBlock>& sources() const { return blocks_; }  // none: a plain dataset

    // As Dataset::read_rows. Error(environment) naming the source where it is missing, damaged, or has not
    // the rows and columns that are wanted of it.
    void read_rows(hid_t type, std::int64_t first, std::int64_t count, void* into);

  private:
    const Dataset& open_source(const SourceBlock& block);

    Dataset dataset_;
    std::vector<SourceBlock> blocks_;
    const SourceBlock* opened_ = nullptr;
    Handle source_file_;
    Dataset source_;
};

}  // namespace kohort::store::hdf5
