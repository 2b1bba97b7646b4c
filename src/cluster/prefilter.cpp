#include "cluster/prefilter.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "cluster/in_parallel.h"

namespace kohort::cluster {
namespace {

constexpr double float_rounding = 0x1p-24, double_rounding = 0x1p-53, smallest_normal = 0x1p-126;
// Squares and products of what lies below stay finite, and whole above what is flushed to zero.
constexpr double largest_allowed = 0x1p60;
constexpr double slack = bound_slack;
constexpr std::int64_t int8_dimensions = 0x7fffffff / (128 * 127);

// More than the norm of a vector of d components that are all flushed to zero, or whose squares are.
double tiny_norm(double d) { return std::sqrt(d) * 0x1p-60; }

double roundings(double count, double size) { return count * size / (1 - count * size); }

// At least the value, as a float.
float above(double value) { return static_cast<float>(value * slack + smallest_normal); }

// Nearest, ties to even; for finite values that do not overflow.
std::uint16_t to_bf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
float from_bf16(std::uint16_t value) { return std::bit_cast<float>(std::uint32_t{value} << 16); }

PrefilterKernel kernel_of([[maybe_unused]] CoarseFormat format, [[maybe_unused]] bool in_tiles,
                          [[maybe_unused]] std::int64_t clusters) {
#if defined(__x86_64__)
    if (in_tiles) return format == CoarseFormat::bf16 ? prefilter_kernel_bf16_tiles(clusters) : prefilter_kernel_int8_tiles(clusters);
    return format == CoarseFormat::bf16 ? prefilter_kernel_bf16(clusters) : prefilter_kernel_int8(clusters);
#else
    return {};
#endif
}

std::int64_t words_of(const PrefilterKernel& kernel, std::int64_t dimensions) {
    const std::int64_t used = (dimensions + kernel.word_elements - 1) / kernel.word_elements;
    return (used + kernel.word_step - 1) / kernel.word_step * kernel.word_step;
}

// One component of a centroid, rounded: the bits that go into a word, and the number they stand for.
struct Rounded {
    std::uint32_t bits;
    double value;
};
Rounded round_to(CoarseFormat format, double component, float step) {
    if (format == CoarseFormat::bf16) {
        const std::uint16_t half = to_bf16(static_cast<float>(component));
        return {half, static_cast<double>(from_bf16(half))};
    }
    const double steps = step > 0 ? std::clamp(std::nearbyint(component / static_cast<double>(step)), -127.0, 127.0) : 0;
    return {static_cast<std::uint8_t>(static_cast<std::int32_t>(steps)), steps * static_cast<double>(step)};
}

}  // namespace

std::string_view format_name(CoarseFormat format) { return format == CoarseFormat::bf16 ? "bf16" : "int8"; }

bool machine_has([[maybe_unused]] CoarseFormat format) {
#if defined(__x86_64__)
    return (format == CoarseFormat::bf16 ? __builtin_cpu_supports("avx512bf16") : __builtin_cpu_supports("avx512vnni")) &&
           __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

Prefilter::Prefilter(std::span<const float> centroids, std::int64_t dimensions, CoarseFormat format, bool in_tiles,
                     int threads)
    : format_(format),
      in_tiles_(in_tiles),
      kernel_(kernel_of(format, in_tiles, static_cast<std::int64_t>(centroids.size()) / dimensions)),
      dimensions_(dimensions),
      words_(words_of(kernel_, dimensions)),
      centre_(static_cast<std::size_t>(dimensions)) {
    const auto d = static_cast<double>(dimensions);
    const std::int64_t clusters = static_cast<std::int64_t>(centroids.size()) / dimensions, wide = kernel_.wide;
    const auto columns = static_cast<std::size_t>((clusters + wide - 1) / wide * wide);
    panels_.assign(columns * static_cast<std::size_t>(words_), 0);
    norms_.assign(columns, std::numeric_limits<float>::infinity());
    starts_.assign(columns, 0);
    for (auto* each : {&scales_, &reach_, &spread_}) each->assign(columns, 0);
    std::vector<double> mean(centre_.size());
    for (std::size_t first = 0; first < centroids.size(); first += mean.size())
        for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += static_cast<double>(centroids[first + j]);
    for (std::size_t j = 0; j < mean.size(); ++j) centre_[j] = static_cast<float>(mean[j] / static_cast<double>(clusters));

    const double chunks = std::ceil(d / static_cast<double>(coarse_chunk_dimensions));
    const double in_a_row = 2 * (std::min(d, static_cast<double>(coarse_chunk_dimensions)) + chunks);
    const double tile_roundings = in_tiles ? 17 + std::ceil(d / 32) : 0;
    const double arithmetic =
        roundings(format == CoarseFormat::bf16 ? std::max(in_a_row, tile_roundings) : 3, float_rounding);
    std::vector<Sizes> sizes(static_cast<std::size_t>(clusters));
    for_each_item(threads, clusters, dimensions, [&](std::int64_t c) {
        sizes[static_cast<std::size_t>(c)] = round_centroid(centroids.data() + c * dimensions, c, arithmetic);
    });
    for (std::size_t column = 0; column < sizes.size(); ++column) {
        factors_.largest_norm = std::max(factors_.largest_norm, sizes[column].norm);
        factors_.largest_rounded = std::max(factors_.largest_rounded, sizes[column].rounded);
        factors_.largest_reach = std::max(factors_.largest_reach, static_cast<double>(reach_[column]));
        factors_.largest_spread = std::max(factors_.largest_spread, static_cast<double>(spread_[column]));
    }
    // Each difference from the centre is rounded once, and each square and sum in lanes as lane_error says.
    const double lane_error = roundings(d / 16 + 8, float_rounding);
    factors_.norm = (1 + 2 * lane_error) * (1 + 2 * float_rounding) * slack;
    factors_.least = (1 - lane_error) * (1 - 2 * float_rounding) * (2 - slack);
    factors_.residual = (1 + 2 * lane_error) * slack;
    factors_.tiny = tiny_norm(d);
    factors_.constant =
        roundings(3, float_rounding) * factors_.largest_norm * factors_.largest_norm + (4 * d + 8) * smallest_normal;
    factors_.canonical = roundings(std::ceil(d / 8) + 6, double_rounding);
    usable_ = factors_.largest_norm < largest_allowed && factors_.largest_rounded < largest_allowed &&
              (format == CoarseFormat::bf16 || dimensions <= int8_dimensions);
}

Prefilter::Sizes Prefilter::round_centroid(const float* values, std::int64_t c, double arithmetic) {
    // The difference of two floats is exact in double, or rounded far below what the slack covers.
    const auto centred = [&](std::int64_t j) {
        return static_cast<double>(values[j]) - static_cast<double>(centre_[static_cast<std::size_t>(j)]);
    };
    double largest = 0;
    for (std::int64_t j = 0; j < dimensions_; ++j) largest = std::max(largest, std::abs(centred(j)));
    const float step = largest >= static_cast<double>(int8_smallest) ? static_cast<float>(largest / 127) : 0;
    const std::int64_t wide = kernel_.wide, elements = kernel_.word_elements;
    std::uint32_t* words = panels_.data() + c / wide * wide * words_ + c % wide;
    double square = 0, rounded_square = 0, residual_square = 0;
    std::int64_t total = 0;
    for (std::int64_t first = 0; first < dimensions_; first += elements)
        for (std::int64_t j = first; j < std::min(first + elements, dimensions_); ++j) {
            const double component = centred(j);
            const Rounded rounded = round_to(format_, component, step);
            square += component * component;
            rounded_square += rounded.value * rounded.value;
            residual_square += (component - rounded.value) * (component - rounded.value);
            total += static_cast<std::int8_t>(rounded.bits);
            words[first / elements * wide] |= rounded.bits << ((j - first) * 32 / elements);
        }
    const double norm = std::sqrt(square) * slack, size = std::sqrt(rounded_square) * slack;
    const double residual = std::sqrt(residual_square) * slack + tiny_norm(static_cast<double>(dimensions_));
    const auto column = static_cast<std::size_t>(c);
    norms_[column] = static_cast<float>(square);
    if (format_ == CoarseFormat::int8) starts_[column] = static_cast<std::int32_t>(-128 * total);
    scales_[column] = -2 * step;
    reach_[column] = above(2 * norm);
    spread_[column] = above(2 * residual + 2 * arithmetic * size + 0x1p-120);
    return {norm, size};
}

void Prefilter::look(const float* rows, std::int64_t count, Found& found) const {
    const auto size = static_cast<std::size_t>(count);
    std::array<float, block_rows> squares, rounded_away;
    found.lists.resize(size);
    for (auto* each : {&found.steps, &found.sizes, &found.residuals, &found.gaps}) each->resize(size);
    for (auto* each : {&found.at_most, &found.at_least}) each->resize(size);
    found.words.resize(static_cast<std::size_t>(std::max(count, kernel_.least_rows) * words_));
    kernel_.convert(rows, count, centre_.data(), dimensions_,
                    {found.words.data(), found.steps.data(), squares.data(), rounded_away.data()});
    kernel_.bound_rows(
        factors_, count, squares.data(), rounded_away.data(),
        {found.sizes.data(), found.residuals.data(), found.gaps.data(), found.at_most.data(), found.at_least.data()});
    kernel_.shortlists({found.words.data(), found.steps.data(), found.sizes.data(), found.residuals.data(), found.gaps.data(),
                         rows + count * dimensions_, dimensions_}, count,
                        {panels_.data(), starts_.data(), scales_.data(), norms_.data(), reach_.data(), spread_.data(),
                         static_cast<std::int64_t>(norms_.size()), words_},
                        found.lists.data());
    for (std::size_t i = 0; i < size; ++i)  // not where the square is infinite or not a number either
        if (!(usable_ && static_cast<double>(found.sizes[i]) < largest_allowed)) found.lists[i].count = 0;
}

}  // namespace kohort::cluster
