// Random numbers that are a pure function of (seed, purpose, position): never of rank, thread or call order.
// Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11, section 4.3.
#pragma once

#include <array>
#include <cstdint>

namespace kohort::base {

// What a stream of random numbers is for. Two purposes never share numbers. Numbers are fixed for ever.
enum class RandomPurpose : std::uint32_t {
    synthetic_corpus = 1,
    weight_init = 2,
    sampling = 3,  // the order of samples in an epoch, and pairs drawn from a user's history
    token_masking = 4,
    token_dropping = 5,
    dropout = 6,
    cluster_init = 7,
    cluster_sample = 8,
    map_sample = 9,
    mini_batch = 10,
    held_out = 14,  // users that training never sees
    span_corruption = 16
};

class Philox {
  public:
    Philox(std::uint64_t seed, RandomPurpose purpose);

    // Four independent 32-bit numbers for a position; `high` and `low` are any two counters (row, step, …).
    std::array<std::uint32_t, 4> block(std::uint64_t high, std::uint64_t low) const;

    std::uint64_t bits(std::uint64_t high, std::uint64_t low) const;                           // 64 random bits
    double uniform(std::uint64_t high, std::uint64_t low) const;                               // in [0, 1)
    std::uint64_t below(std::uint64_t bound, std::uint64_t high, std::uint64_t low) const;    // in [0, bound), bound >= 1
    double normal(std::uint64_t high, std::uint64_t low) const;                                // mean 0, variance 1

  private:
    std::uint32_t key0_, key1_;
};

// The raw generator, for known-answer tests.
std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

}  // namespace kohort::base
