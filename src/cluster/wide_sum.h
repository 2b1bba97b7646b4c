// Sums of squared distances, exact to far below the last bit of a double: 128-bit fixed point. Unlike an int64 sum
// its grid can follow from a coarse bound on the terms, so no extra reduction is needed to agree on a scale.
#pragma once

#include <array>
#include <compare>
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
    std::strong_ordering operator<=>(const WideSum& other) const { return sum_ <=> other.sum_; }
    bool operator==(const WideSum& other) const { return sum_ == other.sum_; }

  private:
    unsigned __int128 to_grid(double term) const;

    unsigned __int128 sum_ = 0;
    int exponent_;
    double scale_;
};

}  // namespace kohort::cluster
