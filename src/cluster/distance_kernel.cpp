#include "cluster/distance_kernel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "cluster/canonical_distance.h"
#include "cluster/in_parallel.h"

namespace kohort::cluster {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
// More than the relative error of a canonical distance, g(ceil(d / 8) + 6, 2^-53), for d < 2^30.
constexpr double canonical_slack = 0x1p-22;

const TileKernel* tile_kernel_of(Kernel kernel) {
    if (kernel == Kernel::portable) return &tile_kernel_portable;
#if defined(__x86_64__)
    if (kernel == Kernel::avx2) return &tile_kernel_avx2;
    if (kernel == Kernel::avx512 || kernel == Kernel::amx) return &tile_kernel_avx512;
#endif
    return nullptr;
}

struct NearestTwo {
    std::int32_t first = -1, second = -1;
    double first_distance = std::numeric_limits<double>::infinity(), second_distance = first_distance;

    // Candidates come in ascending order of id, so that a strict comparison leaves ties to the lowest.
    void offer(std::int32_t id, double distance) {
        if (distance < first_distance) {
            second = first, second_distance = first_distance;
            first = id, first_distance = distance;
        } else if (distance < second_distance) {
            second = id, second_distance = distance;
        }
    }
};

// Distances from squares that are canonical or certified, rounded outwards: by four times what becoming a float loses.
constexpr double outward = canonical_slack + 0x1p-22, smallest_normal = std::numeric_limits<float>::min();
float distance_above(double square) {
    return static_cast<float>(std::sqrt(std::max(square, 0.0)) * (1 + outward) + smallest_normal);
}
float distance_below(double square) {
    constexpr double largest = std::numeric_limits<float>::max();
    return static_cast<float>(std::clamp(std::sqrt(std::max(square, 0.0)) * (1 - outward) - smallest_normal, 0.0, largest));
}

// At most the square of a norm for which norm_bound() gave this.
double square_below(double norm) {
    return norm <= static_cast<double>(std::numeric_limits<float>::min()) ? 0 : norm * norm * (1 - 0x1p-18);
}

Answers from_row(const Answers& answers, std::int64_t row) {
    const auto from = [row](auto* all) { return all ? all + row : nullptr; };
    return {from(answers.labels), from(answers.seconds), from(answers.upper), from(answers.lower)};
}

float largest_norm(std::span<const float> centroids, std::int64_t d, int threads) {
    std::vector<float> norms(centroids.size() / static_cast<std::size_t>(d));
    for_each_item(threads, static_cast<std::int64_t>(norms.size()), d, [&](std::int64_t c) {
        norms[static_cast<std::size_t>(c)] = norm_bound(centroids.data() + c * d, d);
    });
    return *std::ranges::max_element(norms);
}

}  // namespace

// A row of a block whose best values lie too close together.
struct DistanceKernel::Unsettled {
    std::int32_t row;
    float limit;    // every centroid that can still be the answer has a value of at most this
    double beyond;  // at most the squared distance of the centroids beyond the limit
};

DistanceKernel::DistanceKernel(std::span<const float> centroids, std::int64_t dimensions, Kernel kernel,
                               PrefilterChoice prefilter, int threads)
    : kernel_(resolve_kernel(kernel)),
      tile_kernel_(tile_kernel_of(kernel_)),
      dimensions_(dimensions),
      clusters_(static_cast<std::int64_t>(centroids.size()) / dimensions),
      centroids_(centroids.begin(), centroids.end()),
      gap_(dimensions, largest_norm(centroids, dimensions, threads)) {
    if (tile_kernel_) packed_.emplace(centroids_, dimensions_, *tile_kernel_, threads);
    if (const auto format = resolve_prefilter(prefilter, kernel_, clusters_))
        prefilter_.emplace(centroids_, dimensions_, *format, kernel_ == Kernel::amx, threads);
}

void DistanceKernel::scan_canonically(const float* row, std::int64_t i, const Answers& answers) const {
    NearestTwo nearest;
    for (std::int64_t c = 0; c < clusters_; ++c)
        nearest.offer(static_cast<std::int32_t>(c), canonical_distance(row, centroid(c), dimensions_));
    answers.labels[i] = nearest.first;
    if (answers.seconds) answers.seconds[i] = nearest.second;
    if (answers.upper) answers.upper[i] = distance_above(nearest.first_distance);
    if (answers.upper) answers.lower[i] = distance_below(nearest.second_distance);
}

void DistanceKernel::settle(const float* rows, const std::vector<Unsettled>& unsettled, const Answers& answers) const {
    // The rows again, side by side, to find the few centroids within their limits; those are compared canonically.
    std::vector<float> gathered;
    std::vector<float> limits;
    for (const auto& row : unsettled) {
        gathered.insert(gathered.end(), rows + row.row * dimensions_, rows + (row.row + 1) * dimensions_);
        limits.push_back(row.limit);
    }
    struct Search {
        const DistanceKernel& kernel;
        const float* rows;
        std::vector<NearestTwo> nearest;
    } search{*this, gathered.data(), std::vector<NearestTwo>(unsettled.size())};
    tile_kernel_->near(gathered.data(), static_cast<std::int64_t>(unsettled.size()), packed_->view(), limits.data(),
                       [](void* context, std::int32_t row, std::int32_t id) {
                           auto& [kernel, values, nearest] = *static_cast<Search*>(context);
                           const std::int64_t d = kernel.dimensions_;
                           nearest[static_cast<std::size_t>(row)].offer(
                               id, canonical_distance(values + row * d, kernel.centroid(id), d));
                       },
                       &search);
    for (std::size_t i = 0; i < unsettled.size(); ++i) {
        const auto row = unsettled[i].row;
        const auto& nearest = search.nearest[i];
        answers.labels[row] = nearest.first;
        if (answers.seconds) answers.seconds[row] = nearest.second;
        if (answers.upper) answers.upper[row] = distance_above(nearest.first_distance);
        if (answers.upper) answers.lower[row] = distance_below(std::min(nearest.second_distance, unsettled[i].beyond));
    }
}

std::int64_t DistanceKernel::assign_block(const float* rows, const float* norms, std::int64_t count,
                                          const Answers& answers) const {
    std::array<RowBest, block_rows> best;
    (answers.seconds ? tile_kernel_->best_three : tile_kernel_->best_two)(rows, count, packed_->view(), best.data());

    std::int64_t overflowing = 0;
    std::vector<Unsettled> unsettled;
    for (std::int64_t i = 0; i < count; ++i) {
        const RowBest& row = best[static_cast<std::size_t>(i)];
        const auto norm = static_cast<double>(norms[i]);
        const double gap = gap_(norm);
        if (gap == std::numeric_limits<double>::infinity()) {
            scan_canonically(rows + i * dimensions_, i, answers);
            ++overflowing;
            continue;
        }
        const double first = row.first, second = row.second, third = row.third;
        // A value v, the row's squared norm added, is within half the gap of the squared distance (certify.h).
        const double at_most = norm * norm + gap / 2, at_least = square_below(norm) - gap / 2;
        if (second - first > gap && (!answers.seconds || clusters_ < 3 || third - second > gap)) {
            answers.labels[i] = row.first_id;
            if (answers.seconds) answers.seconds[i] = clusters_ < 2 ? -1 : row.second_id;
            if (answers.upper) answers.upper[i] = distance_above(first + at_most);
            if (answers.upper) answers.lower[i] = distance_below(second + at_least);
            continue;
        }
        const double limit = (answers.seconds && clusters_ > 1 ? second : first) + gap;
        unsettled.push_back(
            {static_cast<std::int32_t>(i), std::nextafter(static_cast<float>(limit), infinity), limit + at_least});
    }
    if (!unsettled.empty()) settle(rows, unsettled, answers);
    return overflowing + static_cast<std::int64_t>(unsettled.size());
}

// The nearest of the listed centroids, by float32 where that is certain; whether it was.
// rest: at most the squared distance of the others.
bool DistanceKernel::settle_listed(const float* row, double norm, const Shortlist& list, double rest, std::int64_t i,
                                   const Answers& answers) const {
    std::array<float, Shortlist::capacity> values;
    prefilter_->kernel().values(row, dimensions_, centroids_.data(), packed_->view().norms, list.ids, list.count,
                                values.data());
    std::int32_t best = 0;
    float second = infinity;
    for (std::int32_t l = 1; l < list.count; ++l) {
        const auto at = static_cast<std::size_t>(l);
        second = std::min(second, std::max(values[at], values[static_cast<std::size_t>(best)]));
        if (values[at] < values[static_cast<std::size_t>(best)]) best = l;
    }
    const double gap = gap_(norm);
    const double first = values[static_cast<std::size_t>(best)], next = second;
    if (next - first > gap) {
        answers.labels[i] = list.ids[best];
        if (answers.upper) answers.upper[i] = distance_above(first + norm * norm + gap / 2);
        if (answers.upper) answers.lower[i] = distance_below(std::min(rest, next + square_below(norm) - gap / 2));
        return true;
    }
    NearestTwo nearest;  // the list is in order of ids
    for (std::int32_t l = 0; l < list.count; ++l)
        nearest.offer(list.ids[l], canonical_distance(row, centroid(list.ids[l]), dimensions_));
    answers.labels[i] = nearest.first;
    if (answers.upper) answers.upper[i] = distance_above(nearest.first_distance);
    if (answers.upper) answers.lower[i] = distance_below(std::min(rest, nearest.second_distance));
    return false;
}

// assign_block() for some rows of a block, copied side by side.
std::int64_t DistanceKernel::assign_scattered(const float* rows, const float* norms, std::span<const std::int64_t> chosen,
                                              const Answers& answers) const {
    std::vector<float> values, their_norms, upper(chosen.size()), lower(chosen.size());
    std::vector<std::int32_t> labels(chosen.size());
    for (const std::int64_t i : chosen) {
        values.insert(values.end(), rows + i * dimensions_, rows + (i + 1) * dimensions_);
        their_norms.push_back(norms[i]);
    }
    Answers gathered{labels.data()};
    if (answers.upper) gathered.upper = upper.data(), gathered.lower = lower.data();
    const auto rescanned = assign_block(values.data(), their_norms.data(), static_cast<std::int64_t>(chosen.size()), gathered);
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        answers.labels[chosen[i]] = labels[i];
        if (answers.upper) answers.upper[chosen[i]] = upper[i];
        if (answers.upper) answers.lower[chosen[i]] = lower[i];
    }
    return rescanned;
}

KernelWork DistanceKernel::assign_prefiltered(const float* rows, const float* norms, std::int64_t count,
                                              const Answers& answers) const {
    KernelWork work;
    thread_local Prefilter::Found found;
    thread_local std::vector<std::int64_t> left;
    prefilter_->look(rows, count, found);
    left.clear();
    // Rows with one centroid left are settled without a branch, as a processor cannot guess which those are.
    std::array<std::int32_t, block_rows> undecided;
    std::size_t several = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const Shortlist& list = found.lists[static_cast<std::size_t>(i)];
        answers.labels[i] = list.ids[0];
        undecided[several] = static_cast<std::int32_t>(i);
        several += list.count != 1;
    }
    const auto rest_of = [](std::int64_t i) {
        return static_cast<double>(found.lists[static_cast<std::size_t>(i)].rest) + found.at_least[static_cast<std::size_t>(i)];
    };
    for (const std::int32_t i : std::span(undecided).first(several)) {
        if (!found.usable(i)) {
            left.push_back(i);
            continue;
        }
        ++work.reranked;
        work.rescanned += !settle_listed(rows + i * dimensions_, static_cast<double>(norms[i]),
                                         found.lists[static_cast<std::size_t>(i)], rest_of(i), i, answers);
    }
    for (std::int64_t i = 0; answers.upper && i < count; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const Shortlist& list = found.lists[at];
        if (list.count != 1) continue;
        float value;  // one product in float32, and many more rows can be passed over
        prefilter_->kernel().values(rows + i * dimensions_, dimensions_, centroids_.data(), packed_->view().norms, list.ids, 1,
                                    &value);
        const auto norm = static_cast<double>(norms[i]);
        answers.upper[i] = distance_above(std::min(static_cast<double>(list.most) + found.at_most[at],
                                                   static_cast<double>(value) + norm * norm + gap_(norm) / 2));
        answers.lower[i] = distance_below(rest_of(i));
    }
    if (!left.empty()) {
        work.reranked += static_cast<std::int64_t>(left.size());
        work.rescanned += assign_scattered(rows, norms, left, answers);
    }
    return work;
}

KernelWork DistanceKernel::assign(const float* rows, const float* norms, std::int64_t count, const Answers& answers) const {
    KernelWork work;
    for (std::int64_t first = 0; first < count; first += block_rows) {
        const std::int64_t size = std::min(block_rows, count - first);
        const Answers block = from_row(answers, first);
        const float *values = rows + first * dimensions_, *their_norms = norms + first;
        if (!tile_kernel_) {
            for (std::int64_t i = 0; i < size; ++i) scan_canonically(values + i * dimensions_, i, block);
            work.rescanned += size;
        } else if (prefilter_ && !answers.seconds) {
            work += assign_prefiltered(values, their_norms, size, block);
        } else {
            work.rescanned += assign_block(values, their_norms, size, block);
        }
    }
    return work;
}

}  // namespace kohort::cluster
