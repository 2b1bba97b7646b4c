// A new HDF5 file that lives in memory until it is complete. HDF5 never sees the disk while it writes: a full
// disk is then an ordinary failed write of ours with a clear message, not a half-closed file inside the
// library, and the checksum needs no second reading.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/hdf5_handle.h"
#include "store/partition_file.h"

namespace kohort::store::hdf5 {

class Image {
  public:
    // `path` is for messages only. Two images of equal content have equal bytes: no times, creation order
    // kept, one version of the format (1.10), and memory that HDF5 leaves unused is zero.
    explicit Image(const std::filesystem::path& path);

    hid_t file() const { return file_.id(); }

    // Makes the groups that lead to `name`, each with AnnData's attributes: "/obs" a data frame, others
    // dictionaries.
    void make_parents(const std::string& name);

    // A new dataset that carries AnnData's attributes for its type; the first form is chunked, with
    // fletcher32.
    Handle make_dataset(const std::string& name, hid_t type, std::size_t element_size,
                        const std::vector<std::int64_t>& shape, Filter filter);
    Handle make_dataset(const std::string& name, hid_t type, const Handle& space,
                        const Handle& creation_list);
    void fill(const Handle& dataset, const std::string& name, hid_t type, const void* values);

    // Marks the file as ours; the last step before close() sets the attributes that depend on all datasets
    // (column-order of /obs; the root as anndata when there is /obs/_index).
    void set_identity(std::string_view stage, std::string_view key);
    Handle open_object(const std::string& name) const;

    // Closes the file; `bytes()` is then the whole file.
    void close();
    std::string_view bytes() const;

  private:
    void finish_anndata();

    struct Memory {
        void* data = nullptr;
        std::size_t size = 0;
        ~Memory() { std::free(data); }
    };
    friend struct ImageCallbacks;

    std::filesystem::path path_;
    std::unique_ptr<Memory> memory_;
    Handle file_;
};

// Property lists without times that keep the order of creation.
Handle file_creation_list();
Handle group_creation_list();
Handle dataset_creation_list();

void set_encoding(hid_t object, const std::string& type, const std::string& version);

// Chunk sizes: at most 1 MiB, all chunks of a dataset filled about alike.
std::vector<hsize_t> chunk_shape(const std::vector<std::int64_t>& shape, std::size_t element_size);

}  // namespace kohort::store::hdf5
