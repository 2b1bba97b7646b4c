#include "cluster/centroid_sums.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "parallel/exact_sum.h"

namespace kohort::cluster {
namespace {

// At least 4096 terms are allowed for, so that a term stays below 2^50 and the rounding below works. A float has 24
// bits: a grid of 2^-50 of the largest component holds it exactly down to 2^-26 of that largest.
constexpr std::int64_t least_terms = 4096;

// Adding 1.5 * 2^52 to a double of less than 2^51 leaves its nearest integer (half to even) in the low bits.
constexpr double rounder = 0x1.8p52;

// Eight lanes: on wider machines the compiler keeps them in fewer registers. Products are exact, so that it makes no
// difference whether they are fused.
using Floats = float __attribute__((vector_size(32), aligned(4), may_alias));
using Doubles = double __attribute__((vector_size(64)));
using Integers = std::int64_t __attribute__((vector_size(64)));
using UnalignedIntegers = std::int64_t __attribute__((vector_size(64), aligned(8), may_alias));

// Each component is rounded, added to the sums `to` and, where it moves, taken off those of `from`.
template <bool moves>
[[gnu::always_inline]] inline void add(const float* row, std::int64_t d, double scale, std::int64_t* from, std::int64_t* to) {
    std::int64_t j = 0;
    for (; j + 8 <= d; j += 8) {
        const Doubles shifted = __builtin_convertvector(*reinterpret_cast<const Floats*>(row + j), Doubles) * scale + rounder;
        const Integers component = reinterpret_cast<Integers>(shifted) - std::bit_cast<std::int64_t>(rounder);
        *reinterpret_cast<UnalignedIntegers*>(to + j) += component;
        if constexpr (moves) *reinterpret_cast<UnalignedIntegers*>(from + j) -= component;
    }
    for (; j < d; ++j) {
        const double shifted = static_cast<double>(row[j]) * scale + rounder;
        const std::int64_t component = std::bit_cast<std::int64_t>(shifted) - std::bit_cast<std::int64_t>(rounder);
        to[j] += component;
        if constexpr (moves) from[j] -= component;
    }
}

template <bool moves>
void add_portable(const float* row, std::int64_t d, double scale, std::int64_t* from, std::int64_t* to) {
    add<moves>(row, d, scale, from, to);
}

#if defined(__x86_64__)
template <bool moves>
[[gnu::target("avx2")]] void add_avx2(const float* row, std::int64_t d, double scale, std::int64_t* from, std::int64_t* to) {
    add<moves>(row, d, scale, from, to);
}
template <bool moves>
[[gnu::target("avx512f")]] void add_avx512(const float* row, std::int64_t d, double scale, std::int64_t* from, std::int64_t* to) {
    add<moves>(row, d, scale, from, to);
}
#endif

using AddFunction = void (*)(const float*, std::int64_t, double, std::int64_t*, std::int64_t*);

template <bool moves>
AddFunction choose_add() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return add_avx512<moves>;
    if (__builtin_cpu_supports("avx2")) return add_avx2<moves>;
#endif
    return add_portable<moves>;
}

const AddFunction chosen_add = choose_add<false>(), chosen_move = choose_add<true>();

}  // namespace

CentroidGrid::CentroidGrid(std::int64_t global_rows, double largest_component)
    : exponent_(parallel::fixed_point_exponent(std::max(global_rows, least_terms), largest_component)),
      scale_(std::ldexp(1.0, exponent_)),
      step_(std::ldexp(1.0, -exponent_)) {}

void CentroidGrid::accumulate(const float* row, std::int64_t d, float factor, std::int64_t* sums) const {
    // A negative factor negates the rounded integer exactly, because half to even is symmetric.
    chosen_add(row, d, static_cast<double>(factor) * scale_, nullptr, sums);
}

void CentroidGrid::move(const float* row, std::int64_t d, float factor, std::int64_t* from, std::int64_t* to) const {
    chosen_move(row, d, static_cast<double>(factor) * scale_, from, to);
}

void CentroidGrid::mean(std::span<const std::int64_t> sums, double mass, float* centroid) const {
    for (std::size_t j = 0; j < sums.size(); ++j)
        centroid[j] = static_cast<float>(static_cast<double>(sums[j]) / mass * step_);
}

bool CentroidGrid::direction(std::span<const std::int64_t> sums, float* centroid) const {
    double squares = 0;
    for (const std::int64_t sum : sums) squares += value(sum) * value(sum);
    if (squares == 0) return false;
    const double length = std::sqrt(squares);
    for (std::size_t j = 0; j < sums.size(); ++j) centroid[j] = static_cast<float>(value(sums[j]) / length);
    return true;
}

// n copies of a row x of weight w give the sums S = n (w x + e), |e_j| <= step / 2, and the mass M = n (w + f), where f is at
// most half a step of the grid of weights, which makes |x_j f| <= step. So S / M is within 3 step / w of x_j, and, x_j being a
// float itself, the nearest float within twice that: the squared distance is at most 36 d step^2 / w^2. A row that is too light
// for either grid, so that its centroid cannot follow it, is nearer than that too: w < 2 step / max |x_j|.
//
// A direction is off by the error of S / (n w), no weights being summed, at most sqrt(d) step / w with that of its length; by
// the length of x, which is 1 but for the rounding of its components, 2^-24; and by its own rounding, 2^-24 again. The square
// of a sum is at most twice the sum of the squares: 2^-45 and some roundings in double, and less than the grid's share above.
Resolution CentroidGrid::resolution(std::int64_t d, Metric metric) const {
    return {metric == Metric::cosine ? 0x1p-44 : 0, 36 * static_cast<double>(d) * step_ * step_};
}

}  // namespace kohort::cluster
