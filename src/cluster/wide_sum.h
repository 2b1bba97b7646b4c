// Sums of squared distances in 128-bit fixed point: each term is rounded once, to a grid of 2^-125 of the largest sum that
// there can be (terms * largest, as powers of two), and then nothing more is lost. With 2^30 terms that is 2^-42 of the last
// bit of the largest. So the grid may follow from a coarse bound on the terms, without a reduction to agree on a scale.
#pragma once

#include <array>
#include <cstdint>

namespace kohort::cluster {

class WideSum {
  public:
    static constexpr int limb_count = 3;

    // For at most `terms` terms in [0, largest] over all ranks; both the same on all ranks.
    WideSum(std::int64_t terms, double largest);

    void add(double term) { sum_ += to_grid(term); }
    void add(const WideSum& other) { sum_ += other.sum_; }  // made with the same arguments
    void add(double term, std::int64_t times) {
        sum_ += to_grid(term) * static_cast<unsigned __int128>(times);
    }

    // The sum as integers that ranks may add up element by element in int64, and back.
    std::array<std::int64_t, limb_count> limbs() const;
    void set_from_limbs(const std::int64_t* limbs);

    double value() const;  // rounded once
    bool operator==(const WideSum& other) const { return sum_ == other.sum_; }

  private:
    unsigned __int128 to_grid(double term) const;

    unsigned __int128 sum_ = 0;
    int exponent_;
    double scale_;
};

}  // namespace kohort::cluster
