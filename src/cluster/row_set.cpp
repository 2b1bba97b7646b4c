#include "cluster/row_set.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>

#include "base/worker_threads.h"
#include "cluster/canonical_distance.h"
#include "cluster/wide_sum.h"
#include "parallel/collectives.h"
#include "parallel/heartbeat.h"

namespace kohort::cluster {
namespace {

constexpr std::int64_t no_row = std::numeric_limits<std::int64_t>::max();

// About 128 KiB of values: a tile stays in the second-level cache while its labels and sums are computed.
std::int64_t rows_per_tile(std::int64_t dimensions) { return std::clamp<std::int64_t>(32768 / dimensions, 48, 1024); }

struct RowCheck {
    float largest = 0;
    std::int64_t bad_row = no_row;
};

// squares [count]: ||x||^2 in double, in an order of additions that depends on the row alone.
void check_tile(const RowTile& tile, std::int64_t dimensions, float* norms, double* squares, RowCheck& check) {
    const std::vector<float> zero(static_cast<std::size_t>(dimensions));
    for (std::int64_t i = 0; i < tile.count; ++i) {
        const float* row = tile.values + i * dimensions;
        // For values that are not NaN the order of their bits, sign dropped, is the order of their sizes; NaN and
        // infinity come last.
        std::uint32_t most = 0;
        for (std::int64_t j = 0; j < dimensions; ++j)
            most = std::max(most, std::bit_cast<std::uint32_t>(row[j]) & 0x7fffffffu);
        if (most >= 0x7f800000u) {
            check.bad_row = std::min(check.bad_row, tile.row_id(i));
            continue;
        }
        check.largest = std::max(check.largest, std::bit_cast<float>(most));
        norms[i] = norm_bound(row, dimensions);
        squares[i] = canonical_distance(row, zero.data(), dimensions);
    }
}

}  // namespace

RowSet::RowSet(parallel::Communicator& comm, std::span<const RowBlock> blocks, std::int64_t dimensions, int threads)
    : dimensions_(dimensions), threads_(std::max(threads, 1)) {
    if (dimensions < 1) base::fail(base::ErrorKind::internal, "k-means needs at least one dimension, not {}", dimensions);
    std::int64_t rows = 0;
    for (const auto& block : blocks) {
        const auto values = static_cast<std::int64_t>(block.values.size());
        const std::int64_t count = values / dimensions;
        if (count * dimensions != values || (!block.row_ids.empty() && static_cast<std::int64_t>(block.row_ids.size()) != count))
            base::fail(base::ErrorKind::internal, "a block of {} values and {} row ids is not made of rows of {} dimensions",
                       values, block.row_ids.size(), dimensions);
        rows += count;
    }
    norms_.resize(static_cast<std::size_t>(rows));
    const std::int64_t step = rows_per_tile(dimensions);
    std::int64_t local = 0;
    for (const auto& block : blocks) {
        const std::int64_t count = static_cast<std::int64_t>(block.values.size()) / dimensions;
        for (std::int64_t first = 0; first < count; first += step) {
            const std::int64_t size = std::min(step, count - first);
            tiles_.push_back({block.values.data() + first * dimensions, norms_.data() + local, size, local,
                              block.first_row + first, block.row_ids.empty() ? nullptr : block.row_ids.data() + first});
            local += size;
        }
    }

    std::vector<RowCheck> checks(static_cast<std::size_t>(threads_));
    std::vector<double> squares(norms_.size());
    for_each_tile([&](const RowTile& tile, int worker) {
        check_tile(tile, dimensions_, norms_.data() + tile.first_local, squares.data() + tile.first_local, checks[static_cast<std::size_t>(worker)]);
    });
    RowCheck check;
    for (const auto& part : checks) {
        check.largest = std::max(check.largest, part.largest);
        check.bad_row = std::min(check.bad_row, part.bad_row);
    }
    const std::int64_t bad_row = parallel::all_min(comm, check.bad_row);
    if (bad_row != no_row) {
        const int speaker = parallel::all_min(comm, check.bad_row == bad_row ? comm.rank() : comm.size());
        fail_together(comm, speaker, base::ErrorKind::input,
                      fmt::format("row {} of the vectors holds a NaN or an infinity; k-means needs finite values", bad_row));
    }
    largest_ = parallel::all_max(comm, static_cast<double>(check.largest));
    global_rows_ = parallel::all_sum(comm, rows);
    WideSum sum(global_rows_, static_cast<double>(dimensions_) * largest_ * largest_ * 2);
    for (const double square : squares) sum.add(square);
    auto limbs = sum.limbs();
    parallel::all_reduce(comm, std::span<std::int64_t>(limbs), parallel::ReduceOperation::sum);
    sum.set_from_limbs(limbs.data());
    squares_ = sum.value();
}

const RowTile& RowSet::tile_of(std::int64_t local) const {
    return *(std::ranges::upper_bound(tiles_, local, {}, &RowTile::first_local) - 1);
}

const float* RowSet::row(std::int64_t local) const {
    const RowTile& tile = tile_of(local);
    return tile.values + (local - tile.first_local) * dimensions_;
}

std::int64_t RowSet::row_id(std::int64_t local) const {
    const RowTile& tile = tile_of(local);
    return tile.row_id(local - tile.first_local);
}

void RowSet::for_each_tile(const std::function<void(const RowTile&, int worker)>& work) const {
    const auto count = static_cast<std::int64_t>(tiles_.size());
    const auto workers = static_cast<int>(std::clamp<std::int64_t>(count, 1, threads_));
    std::atomic<std::int64_t> next{0};
    base::run_workers(workers, [&](int worker) {
        for (std::int64_t tile; (tile = next.fetch_add(1)) < count;) {
            parallel::heartbeat();
            work(tiles_[static_cast<std::size_t>(tile)], worker);
        }
    });
}

void fail_together(const parallel::Communicator& comm, int speaker, base::ErrorKind kind, const std::string& message) {
    if (comm.rank() != speaker) throw parallel::PeerError(speaker, static_cast<int>(kind));
    throw base::Error(kind, message);
}

}  // namespace kohort::cluster
