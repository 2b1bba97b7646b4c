// Which centroid is nearest to each row: the inner loop of everything here. A kernel may compute however it likes,
// but its answer is defined: the argmin of canonical_distance(), ties to the lowest cluster id.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cluster/certify.h"
#include "cluster/kernel_choice.h"
#include "cluster/packed_centroids.h"
#include "cluster/prefilter.h"

namespace kohort::cluster {

// Where the answers for some rows go, one element a row; null where one is not asked for.
struct Answers {
    std::int32_t* labels;             // the nearest centroid
    std::int32_t* seconds = nullptr;  // the nearest of the others (ties again to the lowest id), -1 for k = 1
    float* upper = nullptr;           // at least the Euclidean distance to the label ...
    float* lower = nullptr;           // ... and at most that to any other centroid; both or none, not with seconds
};

// How many rows took more than the first look.
struct KernelWork {
    std::int64_t rescanned = 0;  // decided canonically: float32 could not settle them (all for Kernel::scalar)
    std::int64_t reranked = 0;   // compared in float32 after coarse numbers left more than one centroid
    void operator+=(const KernelWork& other) { rescanned += other.rescanned, reranked += other.reranked; }
};

class DistanceKernel {
  public:
    // centroids: [k, dimensions], k >= 1, finite; copied. threads: that lay them out.
    DistanceKernel(std::span<const float> centroids, std::int64_t dimensions, Kernel kernel = Kernel::automatic,
                   PrefilterChoice prefilter = PrefilterChoice::off, int threads = 1);

    // rows: [count, dimensions]; norms: [count] by norm_bound(). Thread-safe.
    KernelWork assign(const float* rows, const float* norms, std::int64_t count, const Answers& answers) const;

    std::int64_t clusters() const { return clusters_; }
    const float* centroid(std::int64_t cluster) const { return centroids_.data() + cluster * dimensions_; }
    // What distances are computed with: amx only where coarse numbers are multiplied.
    Kernel kernel() const { return kernel_ == Kernel::amx && !(prefilter_ && prefilter_->in_tiles()) ? Kernel::avx512 : kernel_; }
    // The format of the prefilter, or "off".
    std::string_view prefilter() const { return prefilter_ ? format_name(prefilter_->format()) : "off"; }

  private:
    struct Unsettled;

    std::int64_t assign_block(const float* rows, const float* norms, std::int64_t count, const Answers& answers) const;
    std::int64_t assign_scattered(const float* rows, const float* norms, std::span<const std::int64_t> chosen,
                                  const Answers& answers) const;
    KernelWork assign_prefiltered(const float* rows, const float* norms, std::int64_t count, const Answers& answers) const;
    bool settle_listed(const float* row, double norm, const Shortlist& list, double rest, std::int64_t i,
                       const Answers& answers) const;
    void settle(const float* rows, const std::vector<Unsettled>& unsettled, const Answers& answers) const;
    void scan_canonically(const float* row, std::int64_t i, const Answers& answers) const;

    Kernel kernel_;
    const TileKernel* tile_kernel_;  // null for Kernel::scalar
    std::int64_t dimensions_, clusters_;
    std::vector<float> centroids_;
    std::optional<PackedCentroids> packed_;
    std::optional<Prefilter> prefilter_;
    CertifiedGap gap_;
};

}  // namespace kohort::cluster
