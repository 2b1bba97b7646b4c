#include "store/hdf5_handle.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace kohort::store::hdf5 {
namespace {

using base::ErrorKind;
using base::fail;

std::recursive_mutex& library_mutex() {
    static std::recursive_mutex mutex;
    return mutex;
}

// HDF5 reports a failed system call with the time, the descriptor and the buffer's address; people need the
// reason.
std::string without_noise(std::string text) {
    static constexpr std::string_view reason = "error message = '";
    if (const auto at = text.find(reason); at != std::string::npos) {
        const auto begin = at + reason.size();
        return text.substr(begin, text.find('\'', begin) - begin);
    }
    return text;
}

herr_t keep_first(unsigned depth, const H5E_error2_t* entry, void* text) {
    if (depth == 0 && entry->desc) *static_cast<std::string*>(text) = entry->desc;
    return 0;
}

herr_t collect_dataset(hid_t group, const char* name, const H5L_info_t*, void* into) {
    Handle object(H5Oopen(group, name, H5P_DEFAULT), H5Oclose);
    if (!object) return -1;
    if (H5Iget_type(object.id()) == H5I_DATASET)
        static_cast<std::vector<std::string>*>(into)->emplace_back(name);
    return 0;
}

herr_t collect_name(hid_t, const char* name, const H5L_info_t*, void* into) {
    static_cast<std::vector<std::string>*>(into)->emplace_back(name);
    return 0;
}

}  // namespace

Lock::Lock() : held_(library_mutex()) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

bool Handle::close() {
    if (id_ < 0) return true;
    const Lock lock;
    return close_(std::exchange(id_, -1)) >= 0;
}

std::string last_error() {
    std::string text;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &text);
    return without_noise(std::move(text));
}

Handle own(hid_t id, Handle::Close close, const std::string& action) {
    if (id < 0) fail(ErrorKind::internal, "cannot {}: HDF5 says: {}", action, last_error());
    return {id, close};
}

void require(bool succeeded, const std::string& action) {
    if (!succeeded) fail(ErrorKind::internal, "cannot {}: HDF5 says: {}", action, last_error());
}

Handle open_file(const std::filesystem::path& path) {
    std::error_code problem;
    const auto status = std::filesystem::status(path, problem);
    if (!std::filesystem::exists(status))
        fail(ErrorKind::environment, "cannot read {}: no such file", path.string());
    if (std::filesystem::is_directory(status))
        fail(ErrorKind::environment, "cannot read {}: it is a folder", path.string());
    const auto access = own(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make a property list");
    require(H5Pset_file_locking(access.id(), false, true) >= 0, "switch file locks off");
    Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id()), H5Fclose);
    if (!file)
        fail(ErrorKind::environment, "cannot read {}: it is damaged or no HDF5 file (HDF5 says: {})",
             path.string(), last_error());
    return file;
}

bool exists(hid_t file, const std::string& name) {
    for (std::size_t at = 1; at != std::string::npos && at < name.size();) {
        at = name.find('/', at);
        if (H5Lexists(file, name.substr(0, at).c_str(), H5P_DEFAULT) <= 0) return false;
        if (at != std::string::npos) ++at;
    }
    return true;
}

Dataset open_dataset(hid_t file, const std::filesystem::path& path, const std::string& name,
                     std::size_t chunk_cache) {
    Dataset dataset;
    dataset.name = path.string() + ": " + name;
    if (!exists(file, name)) fail(ErrorKind::environment, "{} does not exist", dataset.name);
    const auto access = own(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose, "make a property list");
    require(H5Pset_chunk_cache(access.id(), H5D_CHUNK_CACHE_NSLOTS_DEFAULT, chunk_cache,
                               H5D_CHUNK_CACHE_W0_DEFAULT) >= 0,
            "set the chunk cache");
    dataset.id = Handle(H5Dopen2(file, name.c_str(), access.id()), H5Dclose);
    if (!dataset.id)
        fail(ErrorKind::environment, "cannot open {} (HDF5 says: {})", dataset.name, last_error());
    const auto space = own(H5Dget_space(dataset.id.id()), H5Sclose, "read the shape of " + dataset.name);
    const int dimensions = H5Sget_simple_extent_ndims(space.id());
    if (dimensions != 1 && dimensions != 2)
        fail(ErrorKind::environment, "{} has {} dimensions; 1 or 2 are wanted", dataset.name, dimensions);
    hsize_t sizes[2] = {0, 0};
    H5Sget_simple_extent_dims(space.id(), sizes, nullptr);
    for (int d = 0; d < dimensions; ++d) dataset.shape.push_back(static_cast<std::int64_t>(sizes[d]));
    dataset.element_size = H5Tget_size(dataset.stored_type().id());
    return dataset;
}

Handle Dataset::stored_type() const {
    return own(H5Dget_type(id.id()), H5Tclose, "read the type of " + name);
}

void require_rows(const Dataset& dataset, std::int64_t first, std::int64_t count) {
    if (first < 0 || count < 0 || count > dataset.shape[0] - first)
        fail(ErrorKind::internal, "{}: rows {} to {} of {} were asked for", dataset.name, first,
             first + count, dataset.shape[0]);
}

void Dataset::read_rows(hid_t type, std::int64_t first, std::int64_t count, void* into) const {
    require_rows(*this, first, count);
    if (count == 0 || columns() == 0) return;
    const hsize_t start[2] = {static_cast<hsize_t>(first), 0};
    const hsize_t extent[2] = {static_cast<hsize_t>(count), static_cast<hsize_t>(columns())};
    const auto dimensions = static_cast<int>(shape.size());
    const auto source = own(H5Dget_space(id.id()), H5Sclose, "read the shape of " + name);
    const auto target =
        own(H5Screate_simple(dimensions, extent, nullptr), H5Sclose, "describe rows of " + name);
    require(H5Sselect_hyperslab(source.id(), H5S_SELECT_SET, start, nullptr, extent, nullptr) >= 0,
            "select rows of " + name);
    if (H5Dread(id.id(), type, target.id(), source.id(), H5P_DEFAULT, into) < 0)
        fail(ErrorKind::environment, "cannot read {}: the file is damaged (HDF5 says: {})", name,
             last_error());
}

std::vector<std::string> member_names(hid_t file, const std::string& group) {
    std::vector<std::string> names;
    const auto opened = own(H5Gopen2(file, group.c_str(), H5P_DEFAULT), H5Gclose, "open the group " + group);
    // Files of others may not keep the order of creation.
    const auto list = own(H5Gget_create_plist(opened.id()), H5Pclose, "look at the group " + group);
    unsigned order = 0;
    H5Pget_link_creation_order(list.id(), &order);
    const auto index = (order & H5P_CRT_ORDER_TRACKED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    if (H5Literate(opened.id(), index, H5_ITER_INC, nullptr, collect_name, &names) < 0)
        fail(ErrorKind::environment, "cannot list the group {} of a damaged file (HDF5 says: {})", group,
             last_error());
    return names;
}

std::vector<std::string> dataset_names(hid_t file, const std::string& group) {
    std::vector<std::string> names;
    const auto root = own(H5Gopen2(file, group.c_str(), H5P_DEFAULT), H5Gclose, "open the group " + group);
    if (H5Lvisit(root.id(), H5_INDEX_CRT_ORDER, H5_ITER_INC, collect_dataset, &names) < 0)
        fail(ErrorKind::environment, "cannot list the datasets of a damaged file (HDF5 says: {})",
             last_error());
    for (auto& name : names) name = (group == "/" ? "/" : group + "/") + name;
    return names;
}

hid_t float16_type() {
    static const hid_t type = [] {
        const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
        require(half >= 0 && H5Tset_fields(half, 15, 10, 5, 0, 10) >= 0 && H5Tset_size(half, 2) >= 0 &&
                    H5Tset_ebias(half, 15) >= 0,
                "describe half-precision numbers");
        return half;
    }();
    return type;
}

Handle fixed_string_type(std::int64_t width) {
    auto type = own(H5Tcopy(H5T_C_S1), H5Tclose, "make a string type");
    require(H5Tset_size(type.id(), static_cast<std::size_t>(width)) >= 0 &&
                H5Tset_cset(type.id(), H5T_CSET_UTF8) >= 0 && H5Tset_strpad(type.id(), H5T_STR_NULLPAD) >= 0,
            "make a string type");
    return type;
}

}  // namespace kohort::store::hdf5
