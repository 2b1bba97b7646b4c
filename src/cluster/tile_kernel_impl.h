// The body of the float32 kernels, written once with the compiler's vector types and compiled for each instruction
// set by tile_kernel_*.cpp with that file's flags. Everything is in an unnamed namespace and nothing of the standard
// library is used, so that no function compiled for one instruction set can be linked into another's path.
#pragma once

#include "cluster/tile_kernel.h"
#if defined(__AVX512F__)
#include "cluster/tile_kernel_narrow.h"
#endif

namespace kohort::cluster {
namespace {

// The vector types, spelt out for each width: GCC 12 mishandles a vector size that depends on a template parameter.
template <int lanes>
struct Vectors;
template <>
struct Vectors<4> {
    using Floats = float __attribute__((vector_size(16)));
    using LooseFloats = float __attribute__((vector_size(16), aligned(4), may_alias));
    using Integers = std::int32_t __attribute__((vector_size(16)));
};
template <>
struct Vectors<8> {
    using Floats = float __attribute__((vector_size(32)));
    using LooseFloats = float __attribute__((vector_size(32), aligned(4), may_alias));
    using Integers = std::int32_t __attribute__((vector_size(32)));
};
template <>
struct Vectors<16> {
    using Floats = float __attribute__((vector_size(64)));
    using LooseFloats = float __attribute__((vector_size(64), aligned(4), may_alias));
    using Integers = std::int32_t __attribute__((vector_size(64)));
};

// lanes: floats in a register; tile_rows x tile_vectors registers hold the running sums of one tile.
template <int lanes, int tile_rows, int tile_vectors>
struct TileKernelBody {
    using Floats = typename Vectors<lanes>::Floats;
    using LooseFloats = typename Vectors<lanes>::LooseFloats;
    using Integers = typename Vectors<lanes>::Integers;

#if defined(__AVX512F__)
    static constexpr bool has_narrow = lanes == narrow_lanes;
#else
    static constexpr bool has_narrow = false;
#endif
    static constexpr float infinity = __builtin_inff();

    [[gnu::always_inline]] static Floats load(const float* from) { return *reinterpret_cast<const LooseFloats*>(from); }
    [[gnu::always_inline]] static void store(float* to, Floats value) { *reinterpret_cast<LooseFloats*>(to) = value; }
    [[gnu::always_inline]] static Floats smaller(Floats a, Floats b) { return a < b ? a : b; }
    [[gnu::always_inline]] static Floats larger(Floats a, Floats b) { return a > b ? a : b; }

    [[gnu::always_inline]] static Integers lane_numbers() {
        Integers numbers = {};
#pragma GCC unroll 16
        for (int lane = 0; lane < lanes; ++lane) numbers[lane] = lane;
        return numbers;
    }

    // Each lane keeps its own best values and their ids; the lanes of a row are merged at the end.
    struct BestTwo {
        Floats first, second;
        Integers id;
        [[gnu::always_inline]] void clear() {
            first = second = Floats{} + infinity;
            id = Integers{};
        }
        [[gnu::always_inline]] void offer(Floats value, Integers ids) {
            second = smaller(second, larger(first, value));
            id = value < first ? ids : id;
            first = smaller(first, value);
        }
        // Folds the upper half of the lanes onto the lower until one is left.
        void merge(RowBest& best) const {
            Floats low = first, next = second;
            Integers low_id = id;
#pragma GCC unroll 4
            for (int half = lanes / 2; half > 0; half /= 2) {
                const Integers swap = lane_numbers() ^ half;
                const Floats other_low = __builtin_shuffle(low, swap), other_next = __builtin_shuffle(next, swap);
                const Integers other_id = __builtin_shuffle(low_id, swap);
                next = smaller(larger(low, other_low), smaller(next, other_next));
                low_id = other_low < low ? other_id : low_id;
                low = smaller(low, other_low);
            }
            best = {low[0], next[0], infinity, low_id[0], 0};
        }
        RowBest of_lane(std::int64_t lane) const { return {first[lane], second[lane], infinity, id[lane], 0}; }
    };

    struct BestThree {
        Floats first, second, third;
        Integers id, second_id;
        [[gnu::always_inline]] void clear() {
            first = second = third = Floats{} + infinity;
            id = second_id = Integers{};
        }
        [[gnu::always_inline]] void offer(Floats value, Integers ids) {
            third = smaller(third, larger(second, value));
            second_id = value < first ? id : (value < second ? ids : second_id);
            second = smaller(second, larger(first, value));
            id = value < first ? ids : id;
            first = smaller(first, value);
        }
        void merge(RowBest& best) const {
            best = {infinity, infinity, infinity, 0, 0};
            const auto take = [&](float value, std::int32_t its_id) {
                if (value < best.first) {
                    best.third = best.second;
                    best.second = best.first, best.second_id = best.first_id;
                    best.first = value, best.first_id = its_id;
                } else if (value < best.second) {
                    best.third = best.second;
                    best.second = value, best.second_id = its_id;
                } else if (value < best.third) {
                    best.third = value;
                }
            };
            for (int lane = 0; lane < lanes; ++lane) {
                take(first[lane], id[lane]);
                take(second[lane], second_id[lane]);
                take(third[lane], 0);  // never among the row's best two: its own lane has two better ones
            }
        }
        RowBest of_lane(std::int64_t lane) const { return {first[lane], second[lane], third[lane], id[lane], second_id[lane]}; }
    };

    // held [tile_rows, columns] (+)= x [tile_rows, length] times packed [length, columns].
    // A function of its own, so that its loop has all registers to itself.
    // With a single vector of centroids the arithmetic takes no longer than memory does: the rows `ahead` floats further
    // on, which come next, are asked for in time.
    template <int vectors, bool first>
    [[gnu::noinline]] static void multiply(const float* const* x, std::int64_t length, const float* packed, float* held,
                                           std::int64_t ahead) {
        constexpr int columns = vectors * lanes;
        constexpr std::int64_t line = 16;  // floats
        Floats sums[tile_rows][vectors] = {};
        const auto step = [&](std::int64_t j) __attribute__((always_inline)) {
#pragma GCC unroll 8
            for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 8
                for (int v = 0; v < vectors; ++v) sums[r][v] += x[r][j] * load(packed + v * lanes);
            packed += columns;
        };
        if constexpr (vectors == 1) {
            for (std::int64_t begin = 0; begin < length; begin += line) {
                for (int r = 0; r < tile_rows; ++r) __builtin_prefetch(x[r] + begin + ahead, 0, 2);
                const std::int64_t end = begin + line < length ? begin + line : length;
                for (std::int64_t j = begin; j < end; ++j) step(j);
            }
        } else {
            for (std::int64_t j = 0; j < length; ++j) step(j);
        }
#pragma GCC unroll 8
        for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 8
            for (int v = 0; v < vectors; ++v) {
                float* place = held + r * columns + v * lanes;
                store(place, first ? sums[r][v] : load(place) + sums[r][v]);
            }
    }

    // A tile's rows, from `row` on, times one chunk of a panel.
    template <int vectors>
    [[gnu::always_inline]] static void multiply_tile(const float* rows, std::int64_t row, std::int64_t count, std::int64_t d,
                                                     std::int64_t begin, const float* packed, float* products) {
        constexpr int columns = vectors * lanes;
        const std::int64_t length = d - begin < chunk_dimensions ? d - begin : chunk_dimensions;
        const float* x[tile_rows];
        for (int r = 0; r < tile_rows; ++r)  // a tile that sticks out computes the last row again
            x[r] = rows + (row + r < count ? row + r : count - 1) * d + begin;
        (begin == 0 ? multiply<vectors, true> : multiply<vectors, false>)(x, length, packed + begin * columns,
                                                                          products + row * columns, tile_rows * d);
    }

    // products [count, vectors * lanes] = the block's rows times one panel.
    template <int vectors>
    static void multiply_panel(const float* rows, std::int64_t count, std::int64_t d, const float* packed, float* products) {
        // A few tiles of rows pass by each chunk of the panel, which comes from the second-level cache once for them all; their
        // sums stay in the first.
        constexpr std::int64_t together = 4 * tile_rows;
        for (std::int64_t first = 0; first < count; first += together) {
            const std::int64_t last = first + together < count ? first + together : count;
            for (std::int64_t begin = 0; begin < d; begin += chunk_dimensions)
                for (std::int64_t row = first; row < last; row += tile_rows)
                    multiply_tile<vectors>(rows, row, count, d, begin, packed, products);
        }
    }

    // Calls done(row, first column, values) for every row and every register of v(row, columns), in ascending order
    // of columns for each row.
    template <class Done>
    static void all_values(const float* rows, std::int64_t count, const PackedView& centroids, Done&& done) {
        alignas(64) float products[(block_rows + tile_rows) * tile_vectors * lanes];
        const std::int64_t d = centroids.dimensions;
        for (std::int64_t column = 0; column < centroids.columns;) {
            const std::int64_t left = (centroids.columns - column) / lanes;
            const std::int64_t vectors = left < tile_vectors ? left : tile_vectors;
            const float* packed = centroids.panels + column * d;
            if (vectors == 1) multiply_panel<1>(rows, count, d, packed, products);
            else if (tile_vectors > 2 && vectors == 2) multiply_panel<2>(rows, count, d, packed, products);
            else if (tile_vectors > 3 && vectors == 3) multiply_panel<3>(rows, count, d, packed, products);
            else multiply_panel<tile_vectors>(rows, count, d, packed, products);
            for (std::int64_t row = 0; row < count; ++row)
                for (std::int64_t v = 0; v < vectors; ++v)
                    done(row, column + v * lanes,
                         load(products + (row * vectors + v) * lanes) + load(centroids.norms + column + v * lanes));
            column += vectors * lanes;
        }
    }

    // The same where there are only a few centroids: calls done(first row, its number of rows, values) for every sixteen rows,
    // values[c] being v(row, c), one row a lane.
    template <class Done>
    static void all_narrow_values(const float* rows, std::int64_t count, const PackedView& centroids, Done&& done) {
        for (std::int64_t first = 0; first < count; first += lanes) {
            const std::int64_t size = count - first < lanes ? count - first : lanes;
            Floats values[narrow_most_centroids];
            multiply_narrow(rows + first * centroids.dimensions, size, centroids, values);
            done(first, size, values);
        }
    }

    template <class Best>
    static void best(const float* rows, std::int64_t count, const PackedView& centroids, RowBest* result) {
        if constexpr (has_narrow)
            if (centroids.narrow) {
                all_narrow_values(rows, count, centroids, [&](std::int64_t row, std::int64_t size, const Floats* values) {
                    Best state;
                    state.clear();
                    for (std::int32_t c = 0; c < centroids.narrow_centroids; ++c) state.offer(values[c], Integers{} + c);
                    for (std::int64_t lane = 0; lane < size; ++lane) result[row + lane] = state.of_lane(lane);
                });
                return;
            }
        Best states[block_rows];
        for (std::int64_t row = 0; row < count; ++row) states[row].clear();
        const Integers numbers = lane_numbers();
        all_values(rows, count, centroids, [&](std::int64_t row, std::int64_t column, Floats value) {
            states[row].offer(value, numbers + static_cast<std::int32_t>(column));
        });
        for (std::int64_t row = 0; row < count; ++row) states[row].merge(result[row]);
    }

    static void best_two(const float* rows, std::int64_t count, const PackedView& centroids, RowBest* result) {
        best<BestTwo>(rows, count, centroids, result);
    }
    static void best_three(const float* rows, std::int64_t count, const PackedView& centroids, RowBest* result) {
        best<BestThree>(rows, count, centroids, result);
    }

    static void near(const float* rows, std::int64_t count, const PackedView& centroids, const float* limits,
                     void (*found)(void*, std::int32_t, std::int32_t), void* context) {
        if constexpr (has_narrow)
            if (centroids.narrow) {
                all_narrow_values(rows, count, centroids, [&](std::int64_t row, std::int64_t size, const Floats* values) {
                    for (std::int32_t c = 0; c < centroids.narrow_centroids; ++c)
                        for (std::int64_t lane = 0; lane < size; ++lane)
                            if (values[c][lane] <= limits[row + lane]) found(context, static_cast<std::int32_t>(row + lane), c);
                });
                return;
            }
        all_values(rows, count, centroids, [&](std::int64_t row, std::int64_t column, Floats value) {
            for (int lane = 0; lane < lanes; ++lane)
                if (value[lane] <= limits[row])
                    found(context, static_cast<std::int32_t>(row), static_cast<std::int32_t>(column + lane));
        });
    }

    static constexpr TileKernel table() { return {lanes, tile_vectors * lanes, has_narrow, best_two, best_three, near}; }
};

}  // namespace
}  // namespace kohort::cluster
