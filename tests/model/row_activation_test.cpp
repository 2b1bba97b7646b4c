// Activations of plain arrays against the same in double, and against themselves with the other instruction set.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "model/row_kernels.h"

namespace kohort::model {
namespace {

double in_double(Activation activation, double x) {
    switch (activation) {
        case Activation::gelu:
            return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
        case Activation::gelu_tanh:
            return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
        case Activation::relu:
            return x > 0 ? x : 0;
    }
    return x;
}

// Numbers of all sizes, in a count that fills no register.
std::vector<float> some_values() {
    std::vector<float> values{0.0F, -0.0F, 1e-30F, -1e-30F, 40.0F, -40.0F, 1e4F, -1e4F, 3e18F, -3e18F};
    for (float x = -12; x < 12; x += 0.0137F) values.push_back(x);
    while (values.size() % 16 != 7) values.push_back(0.5F);
    return values;
}

class RowActivation : public testing::TestWithParam<Activation> {};

TEST_P(RowActivation, is_its_formula) {
    if (!row_kernels()) GTEST_SKIP() << "not on this processor";
    const std::vector<float> given = some_values();
    std::vector<float> values = given;
    row_kernels()->activate(GetParam(), values.data(), std::ssize(values));
    for (std::size_t i = 0; i < given.size(); ++i) {
        const double expected = in_double(GetParam(), given[i]);
        EXPECT_LE(std::abs(values[i] - expected), 2e-7 * std::abs(given[i]) + 1e-35) << given[i];
        if (given[i] < -1 && given[i] > -4) {
            EXPECT_LE(std::abs(values[i] - expected), 1e-3 * std::abs(expected))
                << given[i];  // a tail is not what is left of 1
        }
    }
    float strange[3] = {std::nanf(""), 1, std::numeric_limits<float>::quiet_NaN()};
    row_kernels()->activate(GetParam(), strange, 3);
    EXPECT_TRUE(std::isnan(strange[0]) && std::isnan(strange[2]) && std::isfinite(strange[1]));
}

#if defined(__x86_64__)
TEST_P(RowActivation, gives_the_same_bits_with_both_instruction_sets) {
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq"))
        GTEST_SKIP() << "this processor has one of them only";
    std::vector<float> narrow = some_values(), wide = narrow;
    row_kernels_avx2.activate(GetParam(), narrow.data(), std::ssize(narrow));
    row_kernels_avx512.activate(GetParam(), wide.data(), std::ssize(wide));
    EXPECT_EQ(std::memcmp(narrow.data(), wide.data(), narrow.size() * sizeof(float)), 0);
}
#endif

INSTANTIATE_TEST_SUITE_P(All, RowActivation, testing::Values(Activation::gelu, Activation::gelu_tanh, Activation::relu));

}  // namespace
}  // namespace kohort::model
