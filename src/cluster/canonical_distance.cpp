#include "cluster/canonical_distance.h"

#include <cmath>
#include <limits>

namespace kohort::cluster {
namespace {

// Eight lanes are the eight accumulators: on wider machines the compiler keeps them in fewer registers, and each
// lane still sees the same operations in the same order.
using Floats = float __attribute__((vector_size(32), aligned(4), may_alias));
using Doubles = double __attribute__((vector_size(64)));

[[gnu::always_inline]] inline double eight_sums(const float* x, const float* c, std::int64_t d) {
    Doubles sums = {};
    std::int64_t j = 0;
    for (; j + 8 <= d; j += 8) {
        const Doubles difference = __builtin_convertvector(*reinterpret_cast<const Floats*>(x + j), Doubles) -
                                   __builtin_convertvector(*reinterpret_cast<const Floats*>(c + j), Doubles);
        sums += difference * difference;
    }
    for (std::int64_t lane = 0; j < d; ++j, ++lane) {
        const double difference = static_cast<double>(x[j]) - static_cast<double>(c[j]);
        sums[lane] += difference * difference;
    }
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

double distance_portable(const float* x, const float* c, std::int64_t d) { return eight_sums(x, c, d); }

#if defined(__x86_64__)
// AVX2 without FMA: the same operations, four lanes an instruction.
[[gnu::target("avx2")]] double distance_avx2(const float* x, const float* c, std::int64_t d) {
    return eight_sums(x, c, d);
}
#endif

using DistanceFunction = double (*)(const float*, const float*, std::int64_t);

DistanceFunction choose_distance() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) return distance_avx2;
#endif
    return distance_portable;
}

const DistanceFunction chosen_distance = choose_distance();

}  // namespace

double canonical_distance(const float* x, const float* c, std::int64_t d) { return chosen_distance(x, c, d); }

float norm_bound(const float* x, std::int64_t d) {
    double squares = 0;
    for (std::int64_t j = 0; j < d; ++j) squares += static_cast<double>(x[j]) * static_cast<double>(x[j]);
    // The double sum is off by a factor within 1 +- d * 2^-53, the rounding to float within 1 +- 2^-24: the factor
    // below covers both up to d = 2^31. A float too small to scale is replaced by the smallest normal one.
    if (squares == 0) return 0;
    const double bound = std::sqrt(squares) * (1 + 0x1p-21);
    if (bound > static_cast<double>(std::numeric_limits<float>::max())) return std::numeric_limits<float>::infinity();
    const auto rounded = static_cast<float>(bound);
    return rounded < std::numeric_limits<float>::min() ? std::numeric_limits<float>::min() : rounded;
}

}  // namespace kohort::cluster
