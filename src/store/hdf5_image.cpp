#include "store/hdf5_image.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace kohort::store::hdf5 {

using base::ErrorKind;
using base::fail;

// HDF5's "core" driver keeps a file in memory that these functions allocate; when the file is closed they
// keep the memory instead of freeing it.
struct ImageCallbacks {
    using Operation = H5FD_file_image_op_t;

    static void* allocate(std::size_t size, Operation, void* memory) {
        static_cast<Image::Memory*>(memory)->size = size;
        return std::calloc(1, size);
    }
    static void* copy(void* into, const void* from, std::size_t size, Operation, void*) {
        return std::memcpy(into, from, size);
    }
    static void* resize(void* data, std::size_t size, Operation, void* memory) {
        auto& known = static_cast<Image::Memory*>(memory)->size;
        void* moved = std::realloc(data, size);
        if (moved && size > known) std::memset(static_cast<char*>(moved) + known, 0, size - known);
        if (moved) known = size;
        return moved;
    }
    static herr_t release(void* data, Operation operation, void* memory) {
        if (operation == H5FD_FILE_IMAGE_OP_FILE_CLOSE)
            static_cast<Image::Memory*>(memory)->data = data;
        else
            std::free(data);
        return 0;
    }
    static void* keep_memory(void* memory) { return memory; }
    static herr_t forget_memory(void*) { return 0; }

    static H5FD_file_image_callbacks_t of(Image::Memory* memory) {
        return {allocate, copy, resize, release, keep_memory, forget_memory, memory};
    }
};

namespace {

constexpr std::size_t chunk_bytes = std::size_t{1} << 20;
constexpr std::size_t growth_step = std::size_t{1} << 20;
constexpr unsigned deflate_level = 4;
// HDF5 File Format Specification 3.0, section II.A, superblock version 3: "End of File Address".
constexpr std::size_t end_of_file_field = 28;

void without_times(const Handle& list) {
    require(H5Pset_obj_track_times(list.id(), false) >= 0, "switch object times off");
    require(H5Pset_attr_creation_order(list.id(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0,
            "keep the order of attributes");
}

void in_order(const Handle& list) {
    without_times(list);
    require(H5Pset_link_creation_order(list.id(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0,
            "keep the order of links");
}

hsize_t even_share(std::int64_t total, std::int64_t most) {
    const auto whole = std::max<std::int64_t>(total, 1);
    const auto pieces = (whole + most - 1) / most;
    return static_cast<hsize_t>((whole + pieces - 1) / pieces);
}

}  // namespace

Handle file_creation_list() {
    auto list = own(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "make a property list");
    in_order(list);
    return list;
}

Handle group_creation_list() {
    auto list = own(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, "make a property list");
    in_order(list);
    return list;
}

Handle dataset_creation_list() {
    auto list = own(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "make a property list");
    without_times(list);
    return list;
}

void set_encoding(hid_t object, const std::string& type, const std::string& version) {
    write_attribute(object, "encoding-type", type);
    write_attribute(object, "encoding-version", version);
}

std::vector<hsize_t> chunk_shape(const std::vector<std::int64_t>& shape, std::size_t element_size) {
    const auto elements = static_cast<std::int64_t>(std::max<std::size_t>(chunk_bytes / element_size, 1));
    if (shape.size() == 1) return {even_share(shape[0], elements)};
    const auto columns = even_share(shape[1], elements);
    return {even_share(shape[0], std::max<std::int64_t>(elements / static_cast<std::int64_t>(columns), 1)),
            columns};
}

Image::Image(const std::filesystem::path& path) : path_(path), memory_(std::make_unique<Memory>()) {
    const auto action = "begin " + path.string();
    const auto access = own(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, action);
    // 1.10's format has checksums in its own structures too, and is read by every HDF5 since 2016.
    require(H5Pset_libver_bounds(access.id(), H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0, action);
    require(H5Pset_fapl_core(access.id(), growth_step, false) >= 0, action);
    auto callbacks = ImageCallbacks::of(memory_.get());
    require(H5Pset_file_image_callbacks(access.id(), &callbacks) >= 0, action);
    // HDF5 wants a name even here, and refuses one that is open already under the same driver.
    const auto name = path.string() + "." + std::to_string(reinterpret_cast<std::uintptr_t>(memory_.get()));
    file_ =
        own(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, file_creation_list().id(), access.id()), H5Fclose, action);
}

void Image::make_parents(const std::string& name) {
    if (!name.starts_with('/') || name.ends_with('/'))
        fail(ErrorKind::internal, "{}: a dataset's name is like /group/name, not {}", path_.string(), name);
    for (auto at = name.find('/', 1); at != std::string::npos; at = name.find('/', at + 1)) {
        const auto parent = name.substr(0, at);
        if (exists(file(), parent)) continue;
        const auto action = "make the group " + parent + " in " + path_.string();
        const auto group =
            own(H5Gcreate2(file(), parent.c_str(), H5P_DEFAULT, group_creation_list().id(), H5P_DEFAULT),
                H5Gclose, action);
        if (parent == "/obs") {
            set_encoding(group.id(), "dataframe", "0.2.0");
            write_attribute(group.id(), "_index", std::string("_index"));
        } else {
            set_encoding(group.id(), "dict", "0.1.0");
        }
    }
}

Handle Image::make_dataset(const std::string& name, hid_t type, std::size_t element_size,
                           const std::vector<std::int64_t>& shape, Filter filter) {
    const auto action = "make the dataset " + name + " in " + path_.string();
    const auto dimensions = static_cast<int>(shape.size());
    const auto chunk = chunk_shape(shape, element_size);
    const std::vector<hsize_t> extent(shape.begin(), shape.end());
    const auto list = dataset_creation_list();
    require(H5Pset_chunk(list.id(), dimensions, chunk.data()) >= 0, action);
    if (filter == Filter::deflate)
        require(H5Pset_shuffle(list.id()) >= 0 && H5Pset_deflate(list.id(), deflate_level) >= 0, action);
    require(H5Pset_fletcher32(list.id()) >= 0, action);
    return make_dataset(name, type,
                        own(H5Screate_simple(dimensions, extent.data(), nullptr), H5Sclose, action), list);
}

Handle Image::make_dataset(const std::string& name, hid_t type, const Handle& space,
                           const Handle& creation_list) {
    make_parents(name);
    auto dataset =
        own(H5Dcreate2(file(), name.c_str(), type, space.id(), H5P_DEFAULT, creation_list.id(), H5P_DEFAULT),
            H5Dclose, "make the dataset " + name + " in " + path_.string());
    const bool text = H5Tget_class(type) == H5T_STRING;
    set_encoding(dataset.id(), text ? "string-array" : "array", "0.2.0");
    return dataset;
}

void Image::fill(const Handle& dataset, const std::string& name, hid_t type, const void* values) {
    require(H5Dwrite(dataset.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0,
            "write " + name + " of " + path_.string());
}

Handle Image::open_object(const std::string& name) const {
    return own(H5Oopen(file(), name.c_str(), H5P_DEFAULT), H5Oclose,
               "find " + name + " in " + path_.string());
}

void Image::set_identity(std::string_view stage, std::string_view key) {
    write_attribute(file(), "kohort_format", std::int64_t{format_version});
    write_attribute(file(), "kohort_stage", std::string(stage));
    write_attribute(file(), "kohort_key", std::string(key));
}

void Image::finish_anndata() {
    if (!exists(file(), "/obs")) return;
    std::vector<std::string> columns;
    for (const auto& name : member_names(file(), "/obs"))
        if (name != "_index") columns.push_back(name);
    write_attribute(open_object("/obs").id(), "column-order", columns);
    if (exists(file(), "/obs/_index")) set_encoding(file(), "anndata", "0.1.0");
}

void Image::close() {
    finish_anndata();
    require(file_.close() && memory_->data, "complete " + path_.string());
}

std::string_view Image::bytes() const {
    std::uint64_t size = 0;  // little-endian in the file, as on every machine this program runs on
    std::memcpy(&size, static_cast<const char*>(memory_->data) + end_of_file_field, sizeof size);
    if (size > memory_->size)
        fail(ErrorKind::internal, "{}: HDF5 says {} bytes of {}", path_.string(), size, memory_->size);
    return {static_cast<const char*>(memory_->data), static_cast<std::size_t>(size)};
}

}  // namespace kohort::store::hdf5
