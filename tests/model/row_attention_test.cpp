// Attention by rows against plain PyTorch in double, and against itself with the other instruction set.
#include "model/row_attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "model/row_kernels.h"

namespace kohort::model {
namespace {

struct Shape {
    std::int64_t heads, width;
    std::vector<std::int64_t> lengths;
};
const Shape shapes[] = {{1, 1, {1}},       {2, 3, {1, 2, 5}}, {3, 16, {16, 1, 17}}, {12, 32, {14, 31, 8, 1}},
                        {4, 64, {33, 64}}, {2, 80, {130}},    {1, 20, {7, 9, 300}}};

class RowAttentionTest : public testing::TestWithParam<torch::ScalarType> {
  protected:
    void SetUp() override {
        torch::manual_seed(3);
        if (!row_kernels()) GTEST_SKIP() << "not on this processor: LibTorch's attention stays";
    }
    torch::Tensor rows_of(const Shape& shape) const {
        std::int64_t tokens = 0;
        for (const std::int64_t length : shape.lengths) tokens += length;
        return (torch::randn({tokens, 3 * shape.heads * shape.width}) * 2).to(GetParam());
    }
    static torch::Tensor lengths_of(const Shape& shape) { return torch::tensor(shape.lengths, torch::kLong); }
};

// distances: undefined, or [heads, 2 reach - 1 and some more], for scores that are not scaled.
torch::Tensor plain_attention(const torch::Tensor& joined, const Shape& shape, bool causal, const torch::Tensor& distances = {},
                              std::int64_t reach = 0) {
    std::vector<torch::Tensor> results;
    std::int64_t first = 0;
    for (const std::int64_t length : shape.lengths) {
        const auto split = joined.slice(0, first, first + length)
                               .to(torch::kDouble)
                               .view({length, 3, shape.heads, shape.width})
                               .permute({1, 2, 0, 3});
        auto scores = torch::matmul(split[0], split[1].transpose(1, 2)) / std::sqrt(static_cast<double>(shape.width));
        if (distances.defined()) {
            const auto places = torch::arange(length).unsqueeze(0) - torch::arange(length).unsqueeze(1) + reach - 1;
            scores = scores * std::sqrt(static_cast<double>(shape.width)) +
                     distances.to(torch::kDouble).index_select(1, places.flatten()).view({shape.heads, length, length});
        }
        if (causal) scores = scores + torch::full({length, length}, -INFINITY, torch::kDouble).triu(1);
        results.push_back(
            torch::matmul(torch::softmax(scores, -1), split[2]).transpose(0, 1).reshape({length, shape.heads * shape.width}));
        first += length;
    }
    return torch::cat(results);
}

TEST_P(RowAttentionTest, is_plain_attention_of_each_sequence) {
    for (const Shape& shape : shapes)
        for (const bool causal : {false, true}) {
            const auto joined = rows_of(shape);
            const auto found = row_attention(joined, lengths_of(shape), shape.heads, {.causal = causal});
            ASSERT_EQ(found.scalar_type(), GetParam());
            const auto expected = plain_attention(joined, shape, causal);
            ASSERT_EQ(found.sizes(), expected.sizes());
            const double off = (found.to(torch::kDouble) - expected).abs().max().item<double>();
            const double step = GetParam() == torch::kBFloat16
                                    ? 1.0 / 256
                                    : 5e-6;  // half the distance of neighbours, or what rounding scores does
            EXPECT_LE(off, step * expected.abs().max().item<double>()) << shape.heads << " heads of " << shape.width;
        }
}

TEST_P(RowAttentionTest, does_not_depend_on_other_sequences) {
    for (const Shape& shape : shapes) {
        const auto joined = rows_of(shape);
        const auto together = row_attention(joined, lengths_of(shape), shape.heads);
        std::int64_t first = 0;
        for (const std::int64_t length : shape.lengths) {
            const auto alone = row_attention(joined.slice(0, first, first + length).contiguous(),
                                             torch::tensor({length}, torch::kLong), shape.heads);
            EXPECT_TRUE(torch::equal(alone, together.slice(0, first, first + length)));
            first += length;
        }
    }
}

TEST_P(RowAttentionTest, adds_what_belongs_to_a_distance) {
    for (const Shape& shape : shapes)
        for (const std::int64_t more : {0, 5}) {
            const std::int64_t reach = *std::max_element(shape.lengths.begin(), shape.lengths.end()) + more;
            const auto joined = (rows_of(shape).to(torch::kFloat) / std::sqrt(static_cast<double>(shape.width))).to(GetParam());
            const auto distances = torch::randn({shape.heads, distance_values(reach)}) * 3;
            const auto found = row_attention(joined, lengths_of(shape), shape.heads, {.scale = 1, .by_distance = distances});
            const auto expected = plain_attention(joined, shape, false, distances, reach);
            EXPECT_LE((found.to(torch::kDouble) - expected).abs().max().item<double>(), GetParam() == torch::kBFloat16 ? 0.02 : 2e-6) << shape.width;
            EXPECT_THROW(row_attention(joined, lengths_of(shape), shape.heads, {.by_distance = distances.slice(1, 2 * more + 2).contiguous()}), base::Error);
        }
}

#if defined(__x86_64__)
TEST_P(RowAttentionTest, gives_the_same_bits_with_both_instruction_sets) {
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq"))
        GTEST_SKIP() << "this processor has one of them only";
    for (const Shape& shape : shapes)
        for (const bool causal : {false, true}) {
            const auto joined = rows_of({shape.heads, shape.width, {shape.lengths.back()}});
            constexpr std::size_t fence = 64;
            constexpr float untouched = 12345;
            const auto room = static_cast<std::size_t>(attention_scratch(shape.lengths.back(), shape.width));
            std::vector<float> scratch(room + fence, untouched);
            const std::int64_t reach = shape.lengths.back();
            const auto distances = torch::randn({shape.heads, distance_values(reach)});
            torch::Tensor results[2];
            for (int i = 0; i < 2; ++i) {
                results[i] = torch::empty({shape.lengths.back(), shape.heads * shape.width}, joined.options());
                (i == 0 ? row_kernels_avx2 : row_kernels_avx512)
                    .attend({joined.data_ptr(), results[i].data_ptr(),
                             GetParam() == torch::kBFloat16 ? RowType::bfloat16 : RowType::float32, shape.lengths.back(),
                             shape.heads, shape.width, causal, 0.25F, distances.data_ptr<float>(), reach, scratch.data()});
            }
            EXPECT_EQ(std::count(scratch.begin() + static_cast<std::ptrdiff_t>(room), scratch.end(), untouched), fence);
            EXPECT_TRUE(torch::equal(results[0], results[1]));
        }
}
#endif

// Scores far apart give one token all the weight; what is no number stays none, and spoils no other sequence.
TEST_P(RowAttentionTest, holds_at_the_ends) {
    const Shape shape{1, 2, {3, 2}};
    auto joined = torch::zeros({5, 6}, GetParam());
    joined.select(1, 4).copy_(torch::arange(5).to(GetParam()));  // values
    joined.select(1, 0).fill_(1e4);                              // queries
    joined.index_put_({1, 2}, 1e4);                              // one key
    auto found = row_attention(joined, lengths_of(shape), 1).to(torch::kFloat);
    for (int token = 0; token < 3; ++token) EXPECT_EQ(found[token][0].item<float>(), 1);
    EXPECT_EQ(found[3][0].item<float>(), 3.5F);
    joined.index_put_({0, 2}, NAN);
    found = row_attention(joined, lengths_of(shape), 1).to(torch::kFloat);
    for (int token = 0; token < 3; ++token) EXPECT_TRUE(std::isnan(found[token][0].item<float>()));
    EXPECT_EQ(found[3][0].item<float>(), 3.5F);
    joined.index_put_({0, 2}, 0);
    joined.index_put_({0, 4}, INFINITY);
    EXPECT_EQ(row_attention(joined, lengths_of(shape), 1, {.causal = true}).to(torch::kFloat)[0][0].item<float>(), INFINITY);
}

TEST_P(RowAttentionTest, refuses_what_it_does_not_know) {
    const auto joined = torch::zeros({4, 12}, GetParam());
    const auto lengths = [](std::int64_t length) { return torch::tensor({length}, torch::kLong); };
    EXPECT_NO_THROW(row_attention(joined, lengths(4), 2));
    EXPECT_THROW(row_attention(joined, lengths(3), 2), base::Error);
    EXPECT_THROW(row_attention(joined, lengths(4), 3), base::Error);
    EXPECT_THROW(row_attention(joined.slice(1, 0, 6), lengths(4), 1), base::Error);
    EXPECT_THROW(row_attention(joined.to(torch::kDouble), lengths(4), 2), base::Error);
}

INSTANTIATE_TEST_SUITE_P(types, RowAttentionTest, testing::Values(torch::kFloat, torch::kBFloat16),
                         [](const auto& type) { return type.param == torch::kFloat ? "fp32" : "bf16"; });

}  // namespace
}  // namespace kohort::model
