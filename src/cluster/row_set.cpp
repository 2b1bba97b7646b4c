#include "cluster/row_set.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <future>
#include <limits>

#include "base/worker_threads.h"
#include "cluster/canonical_distance.h"
#include "cluster/centroid_sums.h"
#include "cluster/tile_kernel.h"
#include "cluster/wide_sum.h"
#include "parallel/collectives.h"
#include "parallel/heartbeat.h"

namespace kohort::cluster {
namespace {

constexpr std::int64_t no_row = std::numeric_limits<std::int64_t>::max();

// About 128 KiB of values, in whole blocks of the kernels, and one at least: most tiles stay in the second-level cache while
// their labels and sums are computed.
std::int64_t rows_per_tile(std::int64_t dimensions) { return std::clamp<std::int64_t>(32768 / dimensions / block_rows, 1, 10) * block_rows; }

// A chunk of rows that are streamed: of one range, and 16 MiB of it at most; one tile, where that is more.
constexpr std::int64_t chunk_values = std::int64_t{1} << 22;

// What is read at once of rows that stay in memory: 64 MiB, some seconds from a slow disk.
constexpr std::int64_t piece_values = std::int64_t{1} << 24;

struct RowCheck {
    float largest = 0, largest_counting = 0;
    std::int64_t bad_row = no_row, largest_row = no_row;  // the latter: of largest_counting

    void count(float value, std::int64_t row) {
        if (value > largest_counting) largest_counting = value, largest_row = row;
        else if (value == largest_counting) largest_row = std::min(largest_row, row);
    }
};

// squares [count]: ||x - origin||^2 in double, in an order of additions that depends on the row alone.
void check_tile(const RowTile& tile, std::int64_t dimensions, std::span<const float> origin, float* norms, double* squares,
                RowCheck& check) {
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
        if (!tile.weights || tile.weights[i] > 0) check.count(std::bit_cast<float>(most), tile.row_id(i));
        norms[i] = norm_bound(row, dimensions);
        squares[i] = canonical_distance(row, origin.data(), dimensions);
    }
}

}  // namespace

RowSet::RowSet(parallel::Communicator& comm, std::span<const RowBlock> blocks, std::int64_t dimensions, int threads,
               std::vector<float> weights)
    : dimensions_(dimensions), threads_(std::max(threads, 1)), weights_(std::move(weights)) {
    if (dimensions < 1) base::fail(base::ErrorKind::internal, "k-means needs at least one dimension, not {}", dimensions);
    for (const auto& block : blocks) {
        const auto values = static_cast<std::int64_t>(block.values.size());
        const std::int64_t count = values / dimensions;
        if (count * dimensions != values ||
            (!block.row_ids.empty() && static_cast<std::int64_t>(block.row_ids.size()) != count))
            base::fail(base::ErrorKind::internal, "a block of {} values and {} row ids is not made of rows of {} dimensions",
                       values, block.row_ids.size(), dimensions);
        add_tiles(block.values.data(), count, block.first_row, block.row_ids.empty() ? nullptr : block.row_ids.data());
    }
    check(comm);
}

RowSet::RowSet(parallel::Communicator& comm, const RowSource& source, int threads, bool streamed, std::vector<float> weights)
    : name_(source.name()), dimensions_(source.dimensions()), threads_(std::max(threads, 1)), weights_(std::move(weights)) {
    if (streamed) {
        source_ = &source;
        add_chunks(source);
    } else {
        read_all(source);
    }
    check(comm);
}

// In pieces, with a sign of life after each: a range may be all that a rank has, and take many minutes.
void RowSet::read_all(const RowSource& source) {
    std::int64_t values = 0;
    for (const auto& range : source.ranges()) values += range.rows * dimensions_;
    resident_ = base::LargeArray(static_cast<std::size_t>(values));
    auto left = resident_.values();
    const std::int64_t step = std::max<std::int64_t>(piece_values / dimensions_, 1);
    for (std::size_t range = 0; range < source.ranges().size(); ++range) {
        const auto& [first_row, rows] = source.ranges()[range];
        const auto mine = left.first(static_cast<std::size_t>(rows * dimensions_));
        for (std::int64_t first = 0; first < rows; first += step) {
            const std::int64_t count = std::min(step, rows - first);
            const auto at = static_cast<std::size_t>(first * dimensions_);
            source.read(range, first, mine.subspan(at, static_cast<std::size_t>(count * dimensions_)));
            parallel::heartbeat();
        }
        add_tiles(mine.data(), rows, first_row, nullptr);
        left = left.subspan(mine.size());
    }
}

void RowSet::add_tiles(const float* values, std::int64_t count, std::int64_t first_row, const std::int64_t* row_ids) {
    const std::int64_t step = rows_per_tile(dimensions_);
    std::int64_t local = tiles_.empty() ? 0 : tiles_.back().first_local + tiles_.back().count;
    for (std::int64_t first = 0; first < count; first += step) {
        const std::int64_t size = std::min(step, count - first);
        tiles_.push_back({values ? values + first * dimensions_ : nullptr, nullptr, nullptr, size, local, first_row + first,
                          row_ids ? row_ids + first : nullptr});
        local += size;
    }
}

void RowSet::add_chunks(const RowSource& source) {
    const std::int64_t tile = rows_per_tile(dimensions_);
    const std::int64_t step = std::max<std::int64_t>(chunk_values / dimensions_ / tile, 1) * tile;  // whole tiles
    for (std::size_t range = 0; range < source.ranges().size(); ++range) {
        const auto& [first_row, rows] = source.ranges()[range];
        for (std::int64_t first = 0; first < rows; first += step) {
            const std::int64_t size = std::min(step, rows - first);
            const std::size_t first_tile = tiles_.size();
            add_tiles(nullptr, size, first_row + first, nullptr);
            chunks_.push_back({range, first_tile, tiles_.size(), first, size});
        }
    }
}

// Looks at every row once, for what all passes need to know.
void RowSet::check(parallel::Communicator& comm) {
    const std::int64_t rows = tiles_.empty() ? 0 : tiles_.back().first_local + tiles_.back().count;
    norms_.resize(static_cast<std::size_t>(rows));
    if (!weights_.empty() && weights_.size() != norms_.size())
        base::fail(base::ErrorKind::internal, "{} weights for {} rows", weights_.size(), norms_.size());
    for (auto& tile : tiles_) {
        tile.norms = norms_.data() + tile.first_local;
        if (!weights_.empty()) tile.weights = weights_.data() + tile.first_local;
    }
    find_first_row(comm);
    std::vector<RowCheck> checks(static_cast<std::size_t>(threads_));
    std::vector<double> squares(norms_.size());
    for_each_tile([&](const RowTile& tile, int worker) {
        check_tile(tile, dimensions_, first_row_, norms_.data() + tile.first_local, squares.data() + tile.first_local,
                   checks[static_cast<std::size_t>(worker)]);
    });
    RowCheck check;
    for (const auto& part : checks) {
        check.largest = std::max(check.largest, part.largest);
        check.count(part.largest_counting, part.largest_row);
        check.bad_row = std::min(check.bad_row, part.bad_row);
    }
    const std::int64_t bad_row = parallel::all_min(comm, check.bad_row);
    if (bad_row != no_row) {
        const int speaker = parallel::all_min(comm, check.bad_row == bad_row ? comm.rank() : comm.size());
        fail_together(comm, speaker, base::ErrorKind::input,
                      fmt::format("row {} of {} (the first is 0) holds a NaN, an infinity or a number too large for float32; k-means needs finite values", bad_row, name_));
    }
    largest_ = parallel::all_max(comm, static_cast<double>(check.largest));
    largest_counting_ = parallel::all_max(comm, static_cast<double>(check.largest_counting));
    largest_row_ = static_cast<double>(check.largest_counting) == largest_counting_ ? check.largest_row : no_row;
    global_rows_ = parallel::all_sum(comm, rows);
    check_weights(comm);
    WideSum sum(global_rows_, static_cast<double>(dimensions_) * largest_counting_ * largest_counting_ * 8 * largest_weight_);
    bool all_equal = true;  // a square of a difference of floats is far above the smallest double
    for (std::int64_t i = 0; i < rows; ++i) {
        if (!(weight(i) > 0)) continue;
        sum.add(static_cast<double>(weight(i)) * squares[static_cast<std::size_t>(i)]);
        all_equal &= squares[static_cast<std::size_t>(i)] == 0;
    }
    all_equal_ = parallel::all_min(comm, all_equal ? 1 : 0) == 1;
    auto limbs = sum.limbs();
    parallel::all_reduce(comm, std::span<std::int64_t>(limbs), parallel::ReduceOperation::sum);
    sum.set_from_limbs(limbs.data());
    squares_ = sum.value();
}

// One step of the sums' grid serves all rows and components. It is too coarse for a row where it exceeds 2^-24 of the root mean
// square of the row's components, which is about what float32 itself leaves of them. Rows are counted, as a mean over all would
// follow the very value that makes the step coarse.
std::string RowSet::warning_of_coarse_sums(parallel::Communicator& comm) const {
    if (!(largest_counting_ > 0)) return {};
    const double step = CentroidGrid(global_rows_, largest_counting_ * largest_weight_).value(1);
    const double least = step * 0x1p24 * std::sqrt(static_cast<double>(dimensions_));
    std::array<std::int64_t, 2> rows{};  // of weight above 0 that are not zero, and those of them the step is too coarse for
    for (std::int64_t i = 0; i < local_rows(); ++i) {
        const float norm = norms_[static_cast<std::size_t>(i)];
        if (!(weight(i) > 0) || norm == 0) continue;
        ++rows[0];
        rows[1] += static_cast<double>(weight(i)) * static_cast<double>(norm) < least;
    }
    parallel::all_reduce(comm, std::span<std::int64_t>(rows), parallel::ReduceOperation::sum);
    if (2 * rows[1] <= rows[0]) return {};
    const std::int64_t row = parallel::all_min(comm, largest_row_);
    return fmt::format("{}: a value of size {:g} in row {} (the first is 0){} takes digits of {} of {} rows from their "
                       "centroids, which are sums in steps of {:.2g}; remove or clip such values, or scale the columns{}",
                       name_, largest_counting_, row, weighted_ ? fmt::format(" and weights up to {:g}", largest_weight_) : "",
                       rows[1], rows[0], step, weighted_ ? " or bring the weights nearer to each other" : "");
}

// Any row would do, as long as it is the same one wherever rows lie.
void RowSet::find_first_row(parallel::Communicator& comm) {
    std::int64_t lowest = no_row, local = 0;
    for (const RowTile& tile : tiles_)
        for (std::int64_t i = 0; i < tile.count; ++i)
            if (tile.row_id(i) < lowest && weight(tile.first_local + i) > 0)
                lowest = tile.row_id(i), local = tile.first_local + i;
    const std::int64_t id = parallel::all_min(comm, lowest);
    // Its bits as integers, of which the other ranks have none: sums carry them over.
    std::vector<std::int64_t> bits(static_cast<std::size_t>(dimensions_));
    if (id == lowest && id != no_row) {
        const auto row = rows_at(std::span(&local, 1));
        for (std::size_t j = 0; j < row.size(); ++j) bits[j] = std::bit_cast<std::int32_t>(row[j]);
    }
    parallel::all_reduce(comm, std::span(bits), parallel::ReduceOperation::sum);
    first_row_.clear();
    for (const std::int64_t each : bits) first_row_.push_back(std::bit_cast<float>(static_cast<std::int32_t>(each)));
}

void RowSet::check_weights(parallel::Communicator& comm) {
    weighted_ = parallel::all_max(comm, weights_.empty() ? 0 : 1) != 0;
    counting_rows_ = global_rows_;
    if (!weighted_) return;
    std::int64_t bad_row = no_row, counting = local_rows();
    float largest = 0;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
        if (!(weights_[i] >= 0 && std::isfinite(weights_[i])))
            bad_row = std::min(bad_row, row_id(static_cast<std::int64_t>(i)));
        else largest = std::max(largest, weights_[i]);
        counting -= weights_[i] == 0;
    }
    const std::int64_t worst = parallel::all_min(comm, bad_row);
    if (worst != no_row) {
        const int speaker = parallel::all_min(comm, bad_row == worst ? comm.rank() : comm.size());
        fail_together(comm, speaker, base::ErrorKind::input,
                      fmt::format("row {} of {} (the first is 0) has a weight that is negative or not finite; give weights of 0 and above", worst, name_));
    }
    counting_rows_ = parallel::all_sum(comm, counting);
    largest_weight_ = parallel::all_max(comm, static_cast<double>(largest));
}

std::size_t RowSet::tile_of(std::int64_t local) const {
    return static_cast<std::size_t>(std::ranges::upper_bound(tiles_, local, {}, &RowTile::first_local) - tiles_.begin()) - 1;
}

std::int64_t RowSet::row_id(std::int64_t local) const {
    const RowTile& tile = tiles_[tile_of(local)];
    return tile.row_id(local - tile.first_local);
}

std::vector<float> RowSet::rows_at(std::span<const std::int64_t> locals) const {
    std::vector<float> values;
    values.reserve(locals.size() * static_cast<std::size_t>(dimensions_));
    std::vector<float> held;  // the chunk that the last rows came from, where it was read
    const Chunk* holding = nullptr;
    for (std::size_t i = 0; i < locals.size(); ++i) {
        const std::size_t at = tile_of(locals[i]);
        const RowTile& tile = tiles_[at];
        const float* row = tile.values + (locals[i] - tile.first_local) * dimensions_;
        std::vector<float> single;
        if (source_) {
            const Chunk& chunk = *(std::ranges::upper_bound(chunks_, at, {}, &Chunk::first_tile) - 1);
            const std::int64_t first_local = tiles_[chunk.first_tile].first_local, place = locals[i] - first_local;
            // A chunk of which several rows are wanted is read whole, unless the next ones lie elsewhere.
            const bool several =
                i + 4 < locals.size() && locals[i + 4] >= first_local && locals[i + 4] < first_local + chunk.rows;
            if (holding != &chunk && several) held = read_chunk(*(holding = &chunk));
            if (holding == &chunk) {
                row = held.data() + place * dimensions_;
            } else {
                single.resize(static_cast<std::size_t>(dimensions_));
                source_->read(chunk.range, chunk.first + place, single);
                row = single.data();
            }
        }
        values.insert(values.end(), row, row + dimensions_);
    }
    return values;
}

// Tiles [first, last); their values, where the tiles do not know them, begin at `values`.
void RowSet::run_tiles(std::size_t first, std::size_t last, const float* values, const TileWork& work) const {
    const auto workers = static_cast<int>(std::clamp<std::size_t>(last - first, 1, static_cast<std::size_t>(threads_)));
    std::atomic<std::size_t> next{first};
    base::run_workers(workers, [&](int worker) {
        for (;;) {
            // Neighbouring tiles, so that memory is read in long stretches; ever fewer, so that workers end together.
            std::size_t at = next, end;
            do end = at + std::max<std::size_t>((last - at) / (4 * static_cast<std::size_t>(workers)), 1);
            while (at < last && !next.compare_exchange_weak(at, end));
            if (at >= last) return;
            for (; at < end; ++at) {
                parallel::heartbeat();
                RowTile tile = tiles_[at];
                if (!tile.values) tile.values = values + (tile.first_local - tiles_[first].first_local) * dimensions_;
                work(tile, worker);
            }
        }
    });
}

std::vector<float> RowSet::read_chunk(const Chunk& chunk) const {
    std::vector<float> values(static_cast<std::size_t>(chunk.rows * dimensions_));
    source_->read(chunk.range, chunk.first, values);
    return values;
}

void RowSet::for_each_tile(const TileWork& work) const {
    if (!source_) return run_tiles(0, tiles_.size(), nullptr, work);
    // The next chunk is read while this one is worked on.
    std::future<std::vector<float>> ahead;
    const auto read_ahead = [&](std::size_t c) {
        if (c < chunks_.size()) ahead = std::async(std::launch::async, [this, c] { return read_chunk(chunks_[c]); });
    };
    read_ahead(0);
    for (std::size_t c = 0; c < chunks_.size(); ++c) {
        const auto values = ahead.get();
        read_ahead(c + 1);
        run_tiles(chunks_[c].first_tile, chunks_[c].last_tile, values.data(), work);
    }
}

std::int64_t RowSet::stream_bytes(std::int64_t dimensions) {
    const std::int64_t tile = rows_per_tile(dimensions);
    return 2 * std::max<std::int64_t>(chunk_values / dimensions / tile, 1) * tile * dimensions *
           static_cast<std::int64_t>(sizeof(float));
}

void fail_together(const parallel::Communicator& comm, int speaker, base::ErrorKind kind, const std::string& message) {
    if (comm.rank() != speaker) throw parallel::PeerError(speaker, static_cast<int>(kind));
    throw base::Error(kind, message);
}

}  // namespace kohort::cluster
