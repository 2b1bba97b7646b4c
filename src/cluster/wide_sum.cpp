#include "cluster/wide_sum.h"

#include <cmath>

#include "parallel/exact_sum.h"

namespace kohort::cluster {
namespace {

constexpr int limb_bits = 42;  // three limbs hold 126 bits; 2^20 ranks cannot overflow one of them
constexpr unsigned __int128 limb_mask = (static_cast<unsigned __int128>(1) << limb_bits) - 1;

}  // namespace

WideSum::WideSum(std::int64_t terms, double largest)
    : exponent_(parallel::fixed_point_exponent(terms, largest) + 63), scale_(std::ldexp(1.0, exponent_)) {}

unsigned __int128 WideSum::to_grid(double term) const {
    return static_cast<unsigned __int128>(std::rint(term * scale_));  // a power of two: the product is exact
}

std::array<std::int64_t, WideSum::limb_count> WideSum::limbs() const {
    std::array<std::int64_t, limb_count> result;
    for (int i = 0; i < limb_count; ++i)
        result[static_cast<std::size_t>(i)] = static_cast<std::int64_t>((sum_ >> (i * limb_bits)) & limb_mask);
    return result;
}

void WideSum::set_from_limbs(const std::int64_t* limbs) {
    sum_ = 0;
    for (int i = 0; i < limb_count; ++i) sum_ += static_cast<unsigned __int128>(limbs[i]) << (i * limb_bits);
}

double WideSum::value() const { return std::ldexp(static_cast<double>(sum_), -exponent_); }

}  // namespace kohort::cluster
