#include "store/virtual_index.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "parallel/collectives.h"
#include "store/hdf5_image.h"
#include "store/one_failure.h"
#include "store/packed_texts.h"
#include "store/partition_file.h"

namespace kohort::store {
namespace {

using base::ErrorKind;
using base::fail;

struct Column {
    std::string name, folder;
    std::vector<std::int64_t> rows;  // [partitions]
};

// In the order they are shown. Ids lie with the first of the folders that has them.
const std::vector<std::pair<std::string, std::vector<std::string>>> known_columns{
    {"/obs/_index", {"corpus", "embedding", "segment"}},
    {"/obs/segment", {"segment"}},
    {"/obs/second", {"segment"}},
    {"/obs/distance", {"segment"}},
    {"/obs/margin", {"segment"}},
    {"/obsm/embedding", {"embedding"}},
    {"/obsm/map", {"segment"}}};

std::string source_name(const Column& column, std::size_t partition) {
    return column.folder + "/" + partition_file_name(static_cast<std::int32_t>(partition));
}

std::vector<Column> find_columns(const std::filesystem::path& run) {
    std::vector<Column> columns;
    for (const auto& [name, folders] : known_columns)
        for (const auto& folder : folders) {
            const auto path = run / folder / partition_file_name(0);
            std::error_code ignored;
            if (!std::filesystem::exists(path, ignored) || !PartitionReader(path).has(name)) continue;
            columns.push_back({name, folder, {}});
            break;
        }
    return columns;
}

// What must be alike in all partitions of a column.
struct Form {
    std::int64_t columns = 1;
    std::size_t dimensions = 1;
    std::size_t element_size = 0;
    std::string type;  // as HDF5 encodes it

    bool operator==(const Form&) const = default;
    hdf5::Handle open_type() const {
        return hdf5::own(H5Tdecode(type.data()), H5Tclose, "decode an element type");
    }
};

Form form_of(const hdf5::Dataset& dataset) {
    Form form{dataset.columns(), dataset.shape.size(), dataset.element_size, {}};
    const auto type = dataset.stored_type();
    std::size_t size = 0;
    hdf5::require(H5Tencode(type.id(), nullptr, &size) >= 0, "encode an element type");
    form.type.resize(size);
    hdf5::require(H5Tencode(type.id(), form.type.data(), &size) >= 0, "encode an element type");
    return form;
}

struct Found {
    Form form;
    std::int64_t rows = 0;
    std::string name;  // for messages
};

Found look_at(const std::filesystem::path& run, const Column& column, std::size_t partition) {
    const hdf5::Lock lock;
    const auto path = run / source_name(column, partition);
    const auto file = hdf5::open_file(path);
    const auto dataset = hdf5::open_dataset(file.id(), path, column.name);
    return {form_of(dataset), dataset.shape[0], dataset.name};
}

// Every rank looks at its share of the partitions; all get all row counts.
void count_rows(parallel::Communicator& comm, const std::filesystem::path& run, std::int32_t partitions,
                std::vector<Column>& columns) {
    const auto ranks = static_cast<std::size_t>(comm.size());
    FirstProblem problem;
    for (auto& column : columns) {
        column.rows.assign(static_cast<std::size_t>(partitions), 0);
        std::optional<Form> first;
        for (auto p = static_cast<std::size_t>(comm.rank()); p < column.rows.size(); p += ranks)
            problem.guard(static_cast<std::int64_t>(p), [&] {
                if (!first) first = look_at(run, column, 0).form;
                const auto found = look_at(run, column, p);
                if (found.form != *first)
                    fail(
                        ErrorKind::environment,
                        "{} has another shape or type than that of partition 0: the files are not of one run",
                        found.name);
                column.rows[p] = found.rows;
            });
    }
    problem.tell(comm);
    for (auto& column : columns)
        parallel::all_reduce(comm, std::span(column.rows), parallel::ReduceOperation::sum);
}

void require_equal_rows(const std::filesystem::path& run, const std::vector<Column>& columns) {
    for (const auto& column : columns)
        for (std::size_t p = 0; p < column.rows.size(); ++p)
            if (column.rows[p] != columns[0].rows[p])
                fail(ErrorKind::environment,
                     "{}: {} has {} rows, and {} of {} has {}: the files are not of one run",
                     (run / source_name(column, p)).string(), column.name, column.rows[p], columns[0].name,
                     source_name(columns[0], p), columns[0].rows[p]);
}

// A value that nobody takes for data, should HDF5 ever show it in place of a missing source.
void set_outstanding_fill(const hdf5::Handle& list, const hdf5::Handle& type, std::size_t element_size) {
    const auto kind = H5Tget_class(type.id());
    const auto action = "set a fill value";
    if (kind == H5T_FLOAT) {
        const double nan = std::numeric_limits<double>::quiet_NaN();
        hdf5::require(H5Pset_fill_value(list.id(), H5T_NATIVE_DOUBLE, &nan) >= 0, action);
    } else if (kind == H5T_INTEGER) {
        const std::int64_t none = -1;
        hdf5::require(H5Pset_fill_value(list.id(), H5T_NATIVE_INT64, &none) >= 0, action);
    } else {
        std::string text = "missing file";
        text.resize(element_size);
        hdf5::require(H5Pset_fill_value(list.id(), type.id(), text.data()) >= 0, action);
    }
}

void write_virtual(hdf5::Image& image, const std::string& name, const Column& column, const Form& form) {
    const auto action = "make the virtual dataset " + name;
    std::vector<std::int64_t> shape{0};
    for (const auto rows : column.rows) shape[0] += rows;
    if (form.dimensions == 2) shape.push_back(form.columns);
    const auto type = form.open_type();
    if (shape[0] == 0) {  // a virtual dataset needs a source; this one has nothing to show
        image.make_dataset(name, type.id(), form.element_size, shape, Filter::none);
        return;
    }
    const auto dimensions = static_cast<int>(shape.size());
    const auto list = hdf5::dataset_creation_list();
    set_outstanding_fill(list, type, form.element_size);
    std::vector<hsize_t> extent(shape.begin(), shape.end()), start(extent.size(), 0);
    const auto whole = hdf5::own(H5Screate_simple(dimensions, extent.data(), nullptr), H5Sclose, action);
    for (std::size_t p = 0; p < column.rows.size(); ++p) {
        if (column.rows[p] == 0) continue;
        extent[0] = static_cast<hsize_t>(column.rows[p]);
        const auto source = hdf5::own(H5Screate_simple(dimensions, extent.data(), nullptr), H5Sclose, action);
        hdf5::require(H5Sselect_hyperslab(whole.id(), H5S_SELECT_SET, start.data(), nullptr, extent.data(),
                                          nullptr) >= 0,
                      action);
        hdf5::require(H5Pset_virtual(list.id(), whole.id(), source_name(column, p).c_str(),
                                     column.name.c_str(), source.id()) >= 0,
                      action);
        start[0] += extent[0];
    }
    hdf5::require(H5Sselect_all(whole.id()) >= 0, action);
    image.make_dataset(name, type.id(), whole, list);
}

// By number. pandas wants distinct categories: a number without a tag, or with another's, is told apart by
// its number.
std::vector<std::string> distinct_categories(const std::map<std::int32_t, std::string>& tags) {
    std::set<std::string> taken;
    std::vector<std::string> categories;
    for (std::int32_t segment = 0; segment <= tags.rbegin()->first; ++segment) {
        const auto known = tags.find(segment);
        const bool tagged = known != tags.end() && !known->second.empty();
        auto category = tagged ? known->second : fmt::format("segment {}", segment);
        while (!taken.insert(category).second) category += fmt::format(" ({})", segment);
        categories.push_back(category);
    }
    return categories;
}

// obs/tag shares its codes with obs/segment: the number of a segment is the number of its category.
void write_tags(hdf5::Image& image, const Column& segments, const Form& form,
                const std::map<std::int32_t, std::string>& tags) {
    const auto categories = distinct_categories(tags);
    std::size_t width = 1;
    for (const auto& category : categories) width = std::max(width, category.size());
    write_virtual(image, "/obs/tag/codes", segments, form);
    std::string padded;
    for (const auto& category : categories) padded.append(category).append(width - category.size(), '\0');
    const auto type = hdf5::fixed_string_type(static_cast<std::int64_t>(width));
    const auto dataset = image.make_dataset("/obs/tag/categories", type.id(), width,
                                            {static_cast<std::int64_t>(categories.size())}, Filter::deflate);
    image.fill(dataset, "/obs/tag/categories", type.id(), padded.data());
    const auto group = image.open_object("/obs/tag");
    hdf5::set_encoding(group.id(), "categorical", "0.2.0");
    hdf5::write_boolean_attribute(group.id(), "ordered", false);
}

void copy_centroids(hdf5::Image& image, const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return;
    const PartitionReader reader(path);
    const auto values = reader.read<float>("/centroids");
    const auto dataset = image.make_dataset("/uns/centroids", hdf5::stored_type_of<float>(), sizeof(float),
                                            reader.shape("/centroids"), Filter::none);
    if (!values.empty()) image.fill(dataset, "/uns/centroids", hdf5::memory_type_of<float>(), values.data());
}

std::string write_file(const std::filesystem::path& run, const VirtualIndex& index,
                       const std::vector<Column>& columns) {
    const auto path = run / "kohort.h5";
    const hdf5::Lock lock;
    hdf5::Image image(path);
    image.set_identity(index.stage, index.key);
    for (const auto& column : columns) {
        const auto form = look_at(run, column, 0).form;
        write_virtual(image, column.name, column, form);
        if (column.name == "/obs/segment" && !index.tags.empty()) write_tags(image, column, form, index.tags);
    }
    copy_centroids(image, run / "segment" / "centroids.h5");
    image.close();
    base::write_file_atomically(path, image.bytes());
    return base::sha256_hex(image.bytes());
}

}  // namespace

std::string write_virtual_index(parallel::Communicator& comm, const std::filesystem::path& run,
                                const VirtualIndex& index) {
    std::string names;
    on_root(comm, [&] {
        for (const auto& column : find_columns(run)) {
            append_text(names, column.name);
            append_text(names, column.folder);
        }
        if (names.empty())
            fail(ErrorKind::environment, "{} has no partition 0 with results to index", run.string());
    });
    parallel::broadcast_resized(comm, names);
    std::vector<Column> columns;
    for (std::string_view rest = names; !rest.empty();) {
        auto name = take_text(rest);
        columns.push_back({std::move(name), take_text(rest), {}});
    }
    count_rows(comm, run, index.partitions, columns);
    std::string digest;
    on_root(comm, [&] {
        require_equal_rows(run, columns);
        digest = write_file(run, index, columns);
    });
    parallel::broadcast_resized(comm, digest);
    return digest;
}

}  // namespace kohort::store
