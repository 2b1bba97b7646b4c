// The rows of this rank as k-means sees them: blocks in any order with global row ids, checked once, cut into tiles.
// What is computed from a row depends on its values and its id only, never on the block, tile or rank it lies in, nor
// on whether it was in memory or had to be read.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/large_array.h"
#include "cluster/row_source.h"
#include "parallel/communicator.h"

namespace kohort::cluster {

struct RowBlock {
    std::span<const float> values;            // [n, dimensions], row-major
    std::int64_t first_row = 0;               // the global id of its first row; the others follow
    std::span<const std::int64_t> row_ids{};  // [n] ids where they are not consecutive; replaces first_row
};

// Consecutive rows of one block, small enough to stay in a core's cache.
struct RowTile {
    const float* values;           // [count, dimensions]; null in tiles() of rows that are streamed
    const float* norms;            // [count], see norm_bound()
    const float* weights;          // [count], null where all are 1
    std::int64_t count;
    std::int64_t first_local;      // index of the first row in this rank's results
    std::int64_t first_row;        // global ids, as in RowBlock
    const std::int64_t* row_ids;
    std::int64_t row_id(std::int64_t i) const { return row_ids ? row_ids[i] : first_row + i; }
};

class RowSet {
  public:
    // Collective. The blocks' memory must outlive this object; ids are not negative and distinct over all ranks.
    // Throws Error(input) that names the lowest global row with a NaN or an infinity, and Error(internal) when a
    // block's size is not a multiple of `dimensions`.
    // weights: of this rank's rows in the order of the blocks; none: all count 1. Error(input) names a row whose weight
    // is negative or not finite. A row of weight 0 gets a label and moves nothing.
    RowSet(parallel::Communicator& comm, std::span<const RowBlock> blocks, std::int64_t dimensions, int threads,
           std::vector<float> weights = {});

    // Collective. The same rows from a source, which must outlive this object: read once into memory, or, where
    // `streamed`, again in each pass, a chunk ahead of the computation, so that two chunks are in memory.
    RowSet(parallel::Communicator& comm, const RowSource& source, int threads, bool streamed, std::vector<float> weights = {});

    std::int64_t dimensions() const { return dimensions_; }
    std::int64_t local_rows() const { return static_cast<std::int64_t>(norms_.size()); }
    std::int64_t global_rows() const { return global_rows_; }
    std::int64_t counting_rows() const { return counting_rows_; }  // of weight above 0, over all ranks
    double largest_component() const { return largest_; }          // max |x_j| over all ranks
    double largest_counting_component() const { return largest_counting_; }  // the same of rows of weight above 0
    // The row of weight above 0 with the lowest id, [dimensions]; zeros where there is none. Equal on all ranks.
    std::span<const float> first_row() const { return first_row_; }
    // Sum of w ||x - first_row()||^2 over all ranks, exact to the grid of WideSum. Measured from the midst of the rows, it
    // loses little where they all lie far from the origin; beside a huge component it may be 0 for rows that differ.
    double sum_of_squares() const { return squares_; }
    bool all_equal() const { return all_equal_; }  // all rows of weight above 0, compared by value; true for none
    // Collective. Where the largest value leaves most rows' sums (centroid_sums.h) fewer digits than float32 has: a warning for
    // people that names it, the same on all ranks. Else empty.
    std::string warning_of_coarse_sums(parallel::Communicator& comm) const;
    double largest_weight() const { return largest_weight_; }
    bool weighted() const { return weighted_; }
    float weight(std::int64_t local) const { return weights_.empty() ? 1.0f : weights_[static_cast<std::size_t>(local)]; }
    int threads() const { return threads_; }
    bool streamed() const { return source_ != nullptr; }
    const std::vector<RowTile>& tiles() const { return tiles_; }

    std::int64_t row_id(std::int64_t local) const;
    // [locals, dimensions]: rows by their index in this rank's results.
    std::vector<float> rows_at(std::span<const std::int64_t> locals) const;

    // Runs work(tile, worker) for every tile on up to threads() workers; worker in [0, threads()).
    using TileWork = std::function<void(const RowTile&, int worker)>;
    void for_each_tile(const TileWork& work) const;

    // Memory that a streamed set of rows takes for its chunks, in bytes.
    static std::int64_t stream_bytes(std::int64_t dimensions);

  private:
    // Tiles that are read together.
    struct Chunk {
        std::size_t range, first_tile, last_tile;
        std::int64_t first, rows;  // in the range
    };

    void add_tiles(const float* values, std::int64_t count, std::int64_t first_row, const std::int64_t* row_ids);
    void add_chunks(const RowSource& source);
    void check(parallel::Communicator& comm);
    void check_weights(parallel::Communicator& comm);
    void find_first_row(parallel::Communicator& comm);
    void read_all(const RowSource& source);
    std::size_t tile_of(std::int64_t local) const;
    void run_tiles(std::size_t first, std::size_t last, const float* values, const TileWork& work) const;
    std::vector<float> read_chunk(const Chunk& chunk) const;

    std::string name_ = "the vectors";  // in messages
    std::int64_t dimensions_, global_rows_ = 0, counting_rows_ = 0;
    int threads_;
    double largest_ = 0, largest_counting_ = 0, squares_ = 0, largest_weight_ = 1;
    std::vector<float> first_row_;
    std::int64_t largest_row_ = 0;  // the lowest on this rank of those that hold its largest_counting_component()
    bool all_equal_ = true;
    bool weighted_ = false;  // on any rank
    std::vector<float> weights_;
    const RowSource* source_ = nullptr;        // where rows are streamed
    base::LargeArray resident_;                // of a source that was read into memory
    std::vector<Chunk> chunks_;
    std::vector<float> norms_;
    std::vector<RowTile> tiles_;
};

// Throws on all ranks at once, without waiting for each other: Error(kind, message) on `speaker`, PeerError with the
// same exit code on the others, so that one message is printed. All ranks call it with the same kind and speaker.
[[noreturn]] void fail_together(const parallel::Communicator& comm, int speaker, base::ErrorKind kind,
                                const std::string& message);

}  // namespace kohort::cluster
