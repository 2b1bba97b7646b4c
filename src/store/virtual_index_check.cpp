// check_virtual_index (virtual_index.h): no reader of kohort.h5 shall see fill values in place of data.
#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "parallel/collectives.h"
#include "parallel/partition_queue.h"
#include "store/one_failure.h"
#include "store/packed_texts.h"
#include "store/virtual_index.h"
#include "store/virtual_source.h"

namespace kohort::store {
namespace {

struct WantedRows {
    hdf5::SourceBlock block;
    std::int64_t columns = 0;
};

std::vector<WantedRows> wanted_of(const std::filesystem::path& path) {
    std::vector<WantedRows> wanted;
    const hdf5::Lock lock;
    const auto file = hdf5::open_file(path);
    for (const auto& name : hdf5::dataset_names(file.id())) {
        const auto dataset = hdf5::open_dataset(file.id(), path, name);
        if (!hdf5::is_virtual(dataset)) continue;
        for (auto& block : hdf5::source_blocks(dataset, path))
            wanted.push_back({std::move(block), dataset.columns()});
    }
    return wanted;
}

std::string pack(const std::vector<WantedRows>& wanted) {
    std::string packed;
    for (const auto& [block, columns] : wanted) {
        append_text(packed, block.file.string());
        append_text(packed, block.dataset);
        for (const auto number : {block.first, block.count, block.source_first, columns})
            append_text(packed, std::to_string(number));
        append_text(packed, block.whole ? "whole" : "");
    }
    return packed;
}

std::vector<WantedRows> unpack(std::string_view packed) {
    std::vector<WantedRows> wanted;
    while (!packed.empty()) {
        auto& [block, columns] = wanted.emplace_back();
        block.file = take_text(packed);
        block.dataset = take_text(packed);
        for (auto* number : {&block.first, &block.count, &block.source_first, &columns})
            *number = std::stoll(take_text(packed));
        block.whole = !take_text(packed).empty();
    }
    return wanted;
}

// Reads all that a virtual dataset takes from a source, so that the checksums of its chunks are compared.
void read_through(const WantedRows& wanted) {
    const hdf5::Lock lock;
    const auto source = hdf5::open_source(wanted.block, wanted.columns);
    const auto type = source.dataset.stored_type();
    std::vector<char> values(static_cast<std::size_t>(wanted.block.count * wanted.columns) *
                             source.dataset.element_size);
    source.dataset.read_rows(type.id(), wanted.block.source_first, wanted.block.count, values.data());
}

}  // namespace

void check_virtual_index(parallel::Communicator& comm, const std::filesystem::path& file) {
    std::string packed;
    on_root(comm, [&] { packed = pack(wanted_of(file)); });
    parallel::broadcast_resized(comm, packed);
    const auto wanted = unpack(packed);

    std::vector<std::int32_t> order(wanted.size());
    std::iota(order.begin(), order.end(), 0);
    parallel::PartitionQueue queue(comm, std::move(order));
    FirstProblem problem;
    while (const auto claimed = queue.claim()) {
        problem.guard(*claimed, [&] {
            try {
                read_through(wanted[static_cast<std::size_t>(*claimed)]);
            } catch (const base::Error& error) {
                base::fail(base::ErrorKind::environment,
                           "{}: a source of this virtual index is not sound: {}", file.string(),
                           error.what());
            }
        });
    }
    problem.tell(comm);
}

}  // namespace kohort::store
