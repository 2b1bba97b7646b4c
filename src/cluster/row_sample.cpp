#include "cluster/row_sample.h"

#include <algorithm>
#include <limits>

#include "base/philox.h"
#include "parallel/collectives.h"

namespace kohort::cluster {
namespace {

template <class Visit>
void for_each_row(const RowSet& rows, const Visit& visit) {
    for (const RowTile& tile : rows.tiles())
        for (std::int64_t i = 0; i < tile.count; ++i) visit(tile.row_id(i), tile.first_local + i);
}

// The largest bound below which at most `most` keys of all ranks lie. `keys`: this rank's, sorted; its most + 1 lowest do.
std::uint64_t bound_for(parallel::Communicator& comm, const std::vector<std::uint64_t>& keys, std::int64_t most) {
    std::uint64_t low = 0, high = std::numeric_limits<std::uint64_t>::max();
    while (low < high) {
        const std::uint64_t middle = high - (high - low) / 2;
        const auto below = std::ranges::lower_bound(keys, middle) - keys.begin();
        if (parallel::all_sum(comm, static_cast<std::int64_t>(below)) <= most) low = middle;
        else high = middle - 1;
    }
    return low;
}

}  // namespace

std::vector<RowBlock> RowSample::blocks() const {
    if (row_ids.empty()) return {};
    return {{values, 0, row_ids}};
}

RowSample draw_rows(parallel::Communicator& comm, const RowSet& rows, std::int64_t most, std::uint64_t seed) {
    RowSample sample;
    sample.of = rows.global_rows();
    const base::Philox random(seed, base::RandomPurpose::cluster_sample);
    const auto key_of = [&](std::int64_t id) { return random.bits(static_cast<std::uint64_t>(id), 0); };
    const bool all = sample.of <= most;
    std::uint64_t bound = 0;
    if (!all) {
        const auto kept = static_cast<std::size_t>(most) + 1;
        std::vector<std::uint64_t> keys;
        const auto prune = [&] {
            std::ranges::sort(keys);
            keys.resize(std::min(keys.size(), kept));
        };
        for_each_row(rows, [&](std::int64_t id, std::int64_t) {
            keys.push_back(key_of(id));
            if (keys.size() > 4 * kept) prune();
        });
        prune();
        bound = bound_for(comm, keys, most);
    }
    std::vector<std::int64_t> locals;
    for_each_row(rows, [&](std::int64_t id, std::int64_t local) {
        if (!all && key_of(id) >= bound) return;
        sample.row_ids.push_back(id);
        locals.push_back(local);
    });
    sample.values = rows.rows_at(locals);
    sample.rows = parallel::all_sum(comm, static_cast<std::int64_t>(sample.row_ids.size()));
    return sample;
}

}  // namespace kohort::cluster
