#include "store/virtual_source.h"

#include <algorithm>

#include "base/error.h"

namespace kohort::store::hdf5 {
namespace {

using base::ErrorKind;
using base::fail;

struct RowRange {
    std::int64_t first = 0, count = 0;
};

// The rows that a selection takes whole; a count of -1 where it is anything else.
RowRange whole_rows(hid_t space, std::int64_t columns) {
    constexpr RowRange something_else{0, -1};
    const int dimensions = H5Sget_simple_extent_ndims(space);
    if (dimensions != 1 && dimensions != 2) return something_else;
    hsize_t low[2] = {0, 0}, high[2] = {0, 0};
    if (H5Sget_select_npoints(space) <= 0 || H5Sget_select_bounds(space, low, high) < 0)
        return something_else;
    const auto count = static_cast<std::int64_t>(high[0] - low[0] + 1);
    const auto width = dimensions == 2 ? static_cast<std::int64_t>(high[1] - low[1] + 1) : 1;
    if (width != columns || H5Sget_select_npoints(space) != count * columns) return something_else;
    return {static_cast<std::int64_t>(low[0]), count};
}

using NameOf = ssize_t (*)(hid_t, std::size_t, char*, std::size_t);

std::string name_of(NameOf get, hid_t list, std::size_t index, const std::string& dataset) {
    const auto length = get(list, index, nullptr, 0);
    require(length >= 0, "read the sources of " + dataset);
    std::string name(static_cast<std::size_t>(length), '\0');
    require(get(list, index, name.data(), name.size() + 1) >= 0, "read the sources of " + dataset);
    return name;
}

Handle creation_list(const Dataset& dataset) {
    return own(H5Dget_create_plist(dataset.id.id()), H5Pclose, "read the layout of " + dataset.name);
}

}  // namespace

bool is_virtual(const Dataset& dataset) {
    return H5Pget_layout(creation_list(dataset).id()) == H5D_VIRTUAL;
}

std::vector<SourceBlock> source_blocks(const Dataset& dataset, const std::filesystem::path& path) {
    const auto list = creation_list(dataset);
    const auto action = "read the sources of " + dataset.name;
    std::size_t count = 0;
    require(H5Pget_virtual_count(list.id(), &count) >= 0, action);
    std::vector<SourceBlock> blocks;
    for (std::size_t i = 0; i < count; ++i) {
        const auto target = own(H5Pget_virtual_vspace(list.id(), i), H5Sclose, action);
        const auto source = own(H5Pget_virtual_srcspace(list.id(), i), H5Sclose, action);
        const auto rows = whole_rows(target.id(), dataset.columns());
        // A source that is taken as a whole is written without its shape.
        const bool whole = H5Sget_select_type(source.id()) == H5S_SEL_ALL;
        const auto from = whole ? RowRange{0, rows.count} : whole_rows(source.id(), dataset.columns());
        if (rows.count < 0 || from.count != rows.count)
            fail(ErrorKind::input,
                 "{} is a virtual dataset that is not made of blocks of whole rows; copy it into a plain one",
                 dataset.name);
        const std::filesystem::path name = name_of(H5Pget_virtual_filename, list.id(), i, dataset.name);
        blocks.push_back({name == "." ? path : path.parent_path() / name,
                          name_of(H5Pget_virtual_dsetname, list.id(), i, dataset.name), rows.first,
                          rows.count, from.first});
    }
    std::sort(blocks.begin(), blocks.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::int64_t covered = 0;
    for (const auto& block : blocks) {
        if (block.first != covered) break;
        covered += block.count;
    }
    if (covered != dataset.shape[0])
        fail(ErrorKind::input, "{}: row {} of this virtual dataset has not exactly one source", dataset.name,
             covered);
    return blocks;
}

RowReader::RowReader(Dataset dataset, const std::filesystem::path& path) : dataset_(std::move(dataset)) {
    if (is_virtual(dataset_)) blocks_ = source_blocks(dataset_, path);
}

void RowReader::read_rows(hid_t type, std::int64_t first, std::int64_t count, void* into) {
    if (blocks_.empty()) {
        dataset_.read_rows(type, first, count, into);
        return;
    }
    require_rows(dataset_, first, count);
    const auto row_bytes = static_cast<std::int64_t>(H5Tget_size(type)) * dataset_.columns();
    auto block =
        std::upper_bound(blocks_.begin(), blocks_.end(), first,
                         [](std::int64_t row, const auto& candidate) { return row < candidate.first; }) -
        1;
    for (auto* next = static_cast<char*>(into); count > 0; ++block) {
        const auto within = first - block->first;
        const auto taken = std::min(count, block->count - within);
        open_source(*block).read_rows(type, block->source_first + within, taken, next);
        next += taken * row_bytes;
        first += taken;
        count -= taken;
    }
}

// Rows are mostly read in order: the last source stays open.
const Dataset& RowReader::open_source(const SourceBlock& block) {
    if (opened_ == &block) return source_;
    opened_ = nullptr;
    source_ = {};
    source_file_ = open_file(block.file);
    source_ = open_dataset(source_file_.id(), block.file, block.dataset);
    const auto wanted = block.source_first + block.count;
    const auto present = source_.shape[0];
    if (source_.columns() != dataset_.columns() || (block.whole ? present != wanted : present < wanted))
        fail(ErrorKind::environment,
             "{} has {} rows of {} columns, and a virtual dataset wants {} rows of {}: it is not the file "
             "that it was made for",
             source_.name, present, source_.columns(), wanted, dataset_.columns());
    opened_ = &block;
    return source_;
}

}  // namespace kohort::store::hdf5
