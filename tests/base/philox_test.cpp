#include "base/philox.h"

#include <gtest/gtest.h>

#include <array>

namespace kohort::base {
namespace {

using Block = std::array<std::uint32_t, 4>;

// Known answers of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds).
TEST(Philox, gives_the_known_answers) {
    EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    EXPECT_EQ(philox4x32_10({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
              (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, purposes_and_seeds_do_not_share_numbers) {
    const Philox a(1, RandomPurpose::sampling), b(1, RandomPurpose::dropout), c(2, RandomPurpose::sampling);
    EXPECT_NE(a.bits(0, 0), b.bits(0, 0));
    EXPECT_NE(a.bits(0, 0), c.bits(0, 0));
    EXPECT_NE(a.bits(0, 1), a.bits(1, 0));
    EXPECT_EQ(a.bits(3, 4), Philox(1, RandomPurpose::sampling).bits(3, 4));
}

TEST(Philox, below_is_uniform_by_chi_square) {
    const Philox random(7, RandomPurpose::sampling);
    std::array<double, 10> seen{};
    constexpr int draws = 100000;
    for (int i = 0; i < draws; ++i) seen[random.below(10, 0, static_cast<std::uint64_t>(i))] += 1;
    double chi_square = 0;
    for (const double count : seen) chi_square += (count - draws / 10.0) * (count - draws / 10.0) / (draws / 10.0);
    EXPECT_LT(chi_square, 27.88);  // 9 degrees of freedom, p = 0.001
}

TEST(Philox, normal_has_mean_zero_and_variance_one) {
    const Philox random(7, RandomPurpose::weight_init);
    double sum = 0, squares = 0;
    constexpr int draws = 100000;
    for (int i = 0; i < draws; ++i) {
        const double x = random.normal(1, static_cast<std::uint64_t>(i));
        sum += x;
        squares += x * x;
    }
    EXPECT_NEAR(sum / draws, 0, 0.015);
    EXPECT_NEAR(squares / draws, 1, 0.02);
}

}  // namespace
}  // namespace kohort::base
