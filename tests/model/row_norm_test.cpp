// Layer normalisation by rows against plain PyTorch in double, and against itself with the other instruction set.
#include "model/row_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "model/layers.h"

namespace kohort::model {
namespace {

constexpr double epsilon = 1e-5;

class RowNormTest : public testing::TestWithParam<torch::ScalarType> {
  protected:
    void SetUp() override {
        torch::manual_seed(5);
        if (!row_kernels()) GTEST_SKIP() << "not on this processor: LibTorch's normalisation stays";
    }
};

TEST_P(RowNormTest, is_plain_normalisation) {
    for (const std::int64_t size : {1, 2, 15, 16, 17, 31, 384, 770})
        for (const double mean : {0.0, 30.0}) {
            const auto weight = torch::randn({size}).to(GetParam()), bias = torch::randn({size}).to(GetParam());
            const auto x = (torch::randn({7, size}) + mean).to(GetParam());
            const auto found = RowNorm(weight, bias, epsilon)(x);
            ASSERT_EQ(found.scalar_type(), GetParam());
            ASSERT_EQ(found.sizes(), x.sizes());
            const auto expected =
                torch::layer_norm(x.to(torch::kDouble), {size}, weight.to(torch::kDouble), bias.to(torch::kDouble), epsilon);
            // Half the distance of neighbours in bf16; what a mean far from 0 costs in float32.
            const double step = GetParam() == torch::kBFloat16 ? 1.0 / 250 : 2e-7 * (4 + 4 * mean);
            EXPECT_LE((found.to(torch::kDouble) - expected).abs().max().item<double>(),
                      step * (expected.abs().max().item<double>() + 0.01))
                << size << ", " << mean;
        }
}

#if defined(__x86_64__)
TEST_P(RowNormTest, gives_the_same_bits_with_both_instruction_sets_and_beside_other_rows) {
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq"))
        GTEST_SKIP() << "this processor has one of them only";
    for (const std::int64_t size : {3, 16, 50, 384}) {
        const auto weight = torch::randn({size}), bias = torch::randn({size}), x = torch::randn({9, size}).to(GetParam());
        torch::Tensor results[2];
        for (int i = 0; i < 2; ++i) {
            results[i] = torch::empty_like(x);
            (i == 0 ? row_kernels_avx2 : row_kernels_avx512)
                .normalize({x.data_ptr(), results[i].data_ptr(),
                            GetParam() == torch::kBFloat16 ? RowType::bfloat16 : RowType::float32, 9, size,
                            weight.data_ptr<float>(), bias.data_ptr<float>(), epsilon});
        }
        EXPECT_TRUE(torch::equal(results[0], results[1]));
        EXPECT_TRUE(
            torch::equal(RowNorm(weight, bias, epsilon)(x.slice(0, 4, 5)), RowNorm(weight, bias, epsilon)(x).slice(0, 4, 5)));
    }
}
#endif

TEST_P(RowNormTest, keeps_what_is_no_number_in_its_row) {
    auto x = torch::randn({3, 20}).to(GetParam());
    x.index_put_({1, 18}, NAN);
    const auto found = RowNorm(torch::ones({20}), torch::zeros({20}), epsilon)(x).to(torch::kFloat);
    EXPECT_TRUE(found[1].isnan().all().item<bool>());
    EXPECT_FALSE(torch::cat({found[0], found[2]}).isnan().any().item<bool>());
    EXPECT_THROW(RowNorm(torch::ones({20}), torch::zeros({20}), epsilon)(x.slice(1, 0, 10)), base::Error);
    EXPECT_THROW(RowNorm(torch::ones({20}), torch::zeros({20}), epsilon)(x.to(torch::kDouble)), base::Error);
}

INSTANTIATE_TEST_SUITE_P(types, RowNormTest, testing::Values(torch::kFloat, torch::kBFloat16),
                         [](const auto& type) { return type.param == torch::kFloat ? "fp32" : "bf16"; });

}  // namespace
}  // namespace kohort::model
