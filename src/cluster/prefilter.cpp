#include "cluster/prefilter.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace kohort::cluster {
namespace {

constexpr double float_rounding = 0x1p-24, double_rounding = 0x1p-53, smallest_normal = 0x1p-126;
// Squares and products of what lies below stay finite, and whole above what is flushed to zero.
constexpr double largest_allowed = 0x1p60;
constexpr double slack = 1 + 0x1p-20;  // for the double arithmetic of the bounds themselves

// More than the norm of a vector of d components that are all flushed to zero, or whose squares are.
double tiny_norm(double d) { return std::sqrt(d) * 0x1p-60; }

double roundings(double count, double size) { return count * size / (1 - count * size); }

// Nearest, ties to even; for finite values that do not overflow.
std::uint16_t to_bf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
float from_bf16(std::uint16_t value) { return std::bit_cast<float>(std::uint32_t{value} << 16); }

}  // namespace

bool machine_has_bf16() {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

Prefilter::Prefilter(std::span<const float> centroids, std::int64_t dimensions)
#if defined(__x86_64__)
    : kernel_(&prefilter_kernel_avx512),
#else
    : kernel_(nullptr),
#endif
      dimensions_(dimensions),
      pairs_((dimensions + 1) / 2),
      centre_(static_cast<std::size_t>(dimensions)) {
    const std::int64_t clusters = static_cast<std::int64_t>(centroids.size()) / dimensions, wide = kernel_->wide;
    const std::int64_t columns = (clusters + wide - 1) / wide * wide;
    panels_.assign(static_cast<std::size_t>(columns * 2 * pairs_), 0);
    norms_.assign(static_cast<std::size_t>(columns), std::numeric_limits<float>::infinity());
    std::vector<double> mean(static_cast<std::size_t>(dimensions));
    for (std::size_t i = 0; i < centroids.size(); ++i) mean[i % mean.size()] += static_cast<double>(centroids[i]);
    for (std::size_t j = 0; j < mean.size(); ++j) centre_[j] = static_cast<float>(mean[j] / static_cast<double>(clusters));

    for (std::int64_t c = 0; c < clusters; ++c) {
        std::uint16_t* panel = panels_.data() + c / wide * wide * 2 * pairs_;
        double square = 0, rounded_square = 0, residual_square = 0;
        for (std::int64_t j = 0; j < dimensions; ++j) {
            // The difference of two floats is exact in double, or rounded far below what the slack covers.
            const double component = static_cast<double>(centroids[static_cast<std::size_t>(c * dimensions + j)]) -
                                     static_cast<double>(centre_[static_cast<std::size_t>(j)]);
            const std::uint16_t half = to_bf16(static_cast<float>(component));
            const auto rounded = static_cast<double>(from_bf16(half));
            square += component * component;
            rounded_square += rounded * rounded;
            residual_square += (component - rounded) * (component - rounded);
            // -2 b: the sign flipped and the exponent one up, exactly.
            panel[(j / 2 * wide + c % wide) * 2 + j % 2] = to_bf16(-2 * from_bf16(half));
        }
        norms_[static_cast<std::size_t>(c)] = static_cast<float>(square);
        largest_norm_ = std::max(largest_norm_, std::sqrt(square) * slack);
        largest_rounded_ = std::max(largest_rounded_, std::sqrt(rounded_square) * slack);
        largest_residual_ = std::max(largest_residual_, std::sqrt(residual_square) * slack + tiny_norm(static_cast<double>(dimensions)));
    }
    const auto d = static_cast<double>(dimensions);
    const double chunks = std::ceil(d / static_cast<double>(chunk_dimensions));
    const double in_a_row = std::min(d, static_cast<double>(chunk_dimensions)) + chunks;
    residual_factor_ = 2 * largest_norm_;
    rounded_factor_ = 2 * largest_residual_ + roundings(2 * in_a_row, float_rounding) * 2 * largest_rounded_;
    constant_ = roundings(3, float_rounding) * largest_norm_ * largest_norm_ + (4 * d + 4) * smallest_normal;
    canonical_factor_ = roundings(std::ceil(d / 8) + 6, double_rounding);
    lane_error_ = roundings(d / 16 + 8, float_rounding);
    tiny_ = tiny_norm(d);
    usable_ = largest_norm_ < largest_allowed && largest_rounded_ < largest_allowed;
}

float Prefilter::bound(const Bf16Row& converted, Found::Bounds& bounds) const {
    const auto square = static_cast<double>(converted.square), residual_square = static_cast<double>(converted.residual);
    // Each difference from the centre is rounded once, and each square and sum as lane_error_ says.
    const double root = std::sqrt(square);
    const double norm = root * (1 + 2 * lane_error_) * (1 + 2 * float_rounding) * slack + tiny_;
    const double least = std::max(root * (1 - lane_error_) * (1 - 2 * float_rounding) * (2 - slack) - tiny_, 0.0);
    const double residual = std::sqrt(residual_square) * (1 + 2 * lane_error_) * slack + 2 * float_rounding * norm + tiny_;
    const double rounded = norm + residual, both = norm + largest_norm_;
    const double error =
        (residual * residual_factor_ + rounded * rounded_factor_ + constant_ + canonical_factor_ * both * both) * slack;
    bounds.usable = usable_ && norm < largest_allowed;  // not where the square is infinite
    bounds.at_most = norm * norm * slack + error;
    bounds.at_least = least * least * (2 - slack) - error;
    // The kernel adds the gap to a value in float32: one more rounding of what a value can be.
    const double gap = 2 * error + 4 * float_rounding * (2 * rounded * largest_rounded_ + largest_norm_ * largest_norm_ + error);
    return bounds.usable ? static_cast<float>(gap * (1 + 2 * float_rounding)) : 0.0f;
}

void Prefilter::look(const float* rows, std::int64_t count, Found& found) const {
    const auto size = static_cast<std::size_t>(count);
    found.bounds.resize(size);
    found.lists.resize(size);
    found.gaps.resize(size);
    found.halves.resize(size * static_cast<std::size_t>(2 * pairs_));
    for (std::size_t i = 0; i < size; ++i) {
        const auto at = static_cast<std::int64_t>(i);
        const Bf16Row converted = kernel_->convert(rows + at * dimensions_, centre_.data(), dimensions_, found.halves.data() + at * 2 * pairs_);
        found.gaps[i] = bound(converted, found.bounds[i]);
    }
    kernel_->shortlists(found.halves.data(), count, {panels_.data(), norms_.data(), static_cast<std::int64_t>(norms_.size()), pairs_},
                        found.gaps.data(), found.lists.data());
    for (std::size_t i = 0; i < size; ++i) found.bounds[i].usable = found.bounds[i].usable && found.lists[i].count > 0;
}

}  // namespace kohort::cluster
