// Products in bf16 parts against the same in double, beside what float32 arithmetic makes of them.
#include "model/split_product.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

#include "base/error.h"
#include "model/packed_linear_split.h"

namespace kohort::model {
namespace {

class SplitProduct : public testing::Test {
  protected:
    void SetUp() override {
        torch::manual_seed(11);
        if (!split_products_usable()) GTEST_SKIP() << "no tiles on this processor: oneDNN multiplies";
    }
};

// A view of [rows, columns]; by_columns: of a tensor that lies the other way round. `gap` numbers lie between neighbours.
FloatMatrix view(const torch::Tensor& values, bool by_columns, std::int64_t gap) {
    const auto laid = by_columns ? values.t() : values;
    return {laid.data_ptr<float>(), values.size(0), values.size(1), laid.size(1) + gap, by_columns};
}
torch::Tensor random_matrix(std::int64_t rows, std::int64_t columns, bool by_columns, std::int64_t gap) {
    if (by_columns) return random_matrix(columns, rows, false, gap).t();
    return torch::randn({rows, columns + gap}).slice(1, 0, columns);
}
double root_mean_square(const torch::Tensor& values) {
    return values.to(torch::kDouble).square().mean().sqrt().item<double>();
}

TEST_F(SplitProduct, is_no_less_exact_than_float32_in_all_shapes_and_layouts) {
    struct Shape {
        std::int64_t rows, depth, columns;
    };
    // Around the sizes of tiles, of blocks, and of what is split at a time.
    for (const Shape& shape : {Shape{1, 1, 1},
                               {3, 40, 17},
                               {16, 32, 16},
                               {33, 31, 65},
                               {64, 100, 48},
                               {300, 513, 390},
                               {45, 1600, 70},
                               {257, 96, 800}})
        for (const bool left_by_columns : {false, true})
            for (const bool right_by_columns : {false, true}) {
                const std::int64_t gap = shape.rows % 2 == 1 ? 5 : 0;
                const auto left = random_matrix(shape.rows, shape.depth, left_by_columns, gap),
                           right = random_matrix(shape.depth, shape.columns, right_by_columns, gap);
                const auto bias = torch::randn({shape.columns}), before = torch::randn({shape.rows, shape.columns});
                const auto product = torch::matmul(left.to(torch::kDouble), right.to(torch::kDouble));
                const double float_error = root_mean_square(torch::matmul(left, right) - product),
                             allowed = 1.2 * float_error + 6e-8 * root_mean_square(product);
                const auto check = [&](const torch::Tensor& found, const torch::Tensor& expected, double more) {
                    const auto off = found.to(torch::kDouble) - expected;
                    EXPECT_LE(root_mean_square(off), allowed + more)
                        << shape.rows << " x " << shape.depth << " x " << shape.columns << left_by_columns << right_by_columns;
                    EXPECT_LE(off.abs().max().item<double>(), 12 * (allowed + more));
                };
                const auto left_view = view(left, left_by_columns, gap), right_view = view(right, right_by_columns, gap);
                const auto room = torch::full({before.numel() + 32}, 77.0F);  // what is behind stays
                auto found = room.narrow(0, 0, before.numel()).view(before.sizes());
                multiply_split(left_view, right_view, {found.data_ptr<float>()});
                check(found, product, 0);
                EXPECT_TRUE(room.narrow(0, before.numel(), 32).equal(torch::full({32}, 77.0F)));
                found = before.clone();
                multiply_split(left_view, right_view, {found.data_ptr<float>(), bias.data_ptr<float>(), true});
                check(found, product + bias.to(torch::kDouble) + before.to(torch::kDouble), 1e-7);
                const SplitMatrix kept(right_view);
                found = torch::full_like(before, std::nanf(""));
                kept.multiply_into(left_view, {found.data_ptr<float>(), bias.data_ptr<float>()});
                check(found, product + bias.to(torch::kDouble), 1e-7);
            }
}

TEST_F(SplitProduct, a_row_does_not_depend_on_others) {
    const auto left = torch::randn({300, 800}), right = torch::randn({800, 70});
    const SplitMatrix kept(view(right, false, 0));
    auto all = torch::empty({300, 70}), some = torch::empty({17, 70});
    kept.multiply_into(view(left, false, 0), {all.data_ptr<float>()});
    kept.multiply_into(view(left.slice(0, 260, 277), false, 0), {some.data_ptr<float>()});
    EXPECT_TRUE(some.equal(all.slice(0, 260, 277)));
    EXPECT_THROW(kept.multiply_into(view(left.slice(1, 0, 700).contiguous(), false, 0), {all.data_ptr<float>()}), base::Error);
}

// One term in each sum: no rounding of sums hides a part that is missing.
TEST_F(SplitProduct, has_all_digits_of_single_products) {
    auto left = torch::zeros({64, 64}), right = torch::zeros({64, 64});
    for (std::int64_t i = 0; i < 64; ++i) {
        left.index_put_({i, (7 * i) % 64}, torch::rand({}) + 1);
        right.index_put_({i, (5 * i) % 64}, (torch::rand({}) + 1) * std::ldexp(1.0, static_cast<int>(i) - 32));
    }
    auto found = torch::empty({64, 64});
    multiply_split(view(left, false, 0), view(right, false, 0), {found.data_ptr<float>()});
    const auto exact = torch::matmul(left.to(torch::kDouble), right.to(torch::kDouble));
    EXPECT_TRUE(((found.to(torch::kDouble) - exact).abs() <= exact.abs() * 0x1.8p-23).all().item<bool>());
    // Whole numbers of twelve bits: every product and sum is a float32.
    const auto a = torch::randint(-2048, 2048, {40, 1}).to(torch::kFloat),
               b = torch::randint(-2048, 2048, {1, 40}).to(torch::kFloat);
    found = torch::empty({40, 40});
    multiply_split(view(a, false, 0), view(b, false, 0), {found.data_ptr<float>()});
    EXPECT_TRUE(found.equal(torch::matmul(a, b)));
}

TEST_F(SplitProduct, what_is_not_finite_stays_in_its_row) {
    for (const float strange : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), std::nanf(""),
                                std::numeric_limits<float>::max()}) {
        auto left = torch::ones({40, 40});
        const auto right = torch::ones({40, 40});
        left.index_put_({3, 5}, torch::tensor(strange));
        auto found = torch::empty({40, 40});
        multiply_split(view(left, false, 0), view(right, false, 0), {found.data_ptr<float>()});
        EXPECT_TRUE(found.select(0, 3).isnan().all().item<bool>());
        EXPECT_TRUE(found.slice(0, 0, 3).equal(torch::full({3, 40}, 40.0F)) &&
                    found.slice(0, 4).equal(torch::full({36, 40}, 40.0F)));
    }
}

TEST_F(SplitProduct, very_small_and_very_large_numbers_keep_their_size) {
    for (const double scale : {1e-30, 1e-20, 1e15, 1e18}) {
        const auto left = torch::randn({48, 48}) * scale, right = torch::randn({48, 48});
        auto found = torch::empty({48, 48});
        multiply_split(view(left, false, 0), view(right, false, 0), {found.data_ptr<float>()});
        const auto exact = torch::matmul(left.to(torch::kDouble), right.to(torch::kDouble));
        EXPECT_LE(root_mean_square(found - exact), 1e-6 * root_mean_square(exact)) << scale;
    }
}

#if defined(__linux__)
TEST(SplitProductChoice, is_made_where_the_processor_has_tiles) {
    std::ifstream info("/proc/cpuinfo");
    const std::string text{std::istreambuf_iterator<char>(info), {}};
    if (std::getenv("ONEDNN_MAX_CPU_ISA") || text.find("amx_bf16") == std::string::npos ||
        text.find("avx512_bf16") == std::string::npos)
        GTEST_SKIP() << "no tiles, or not asked for";
    EXPECT_TRUE(split_products_usable());
    EXPECT_TRUE(pack_split_linear(torch::randn({64, 64}), {}));
    EXPECT_FALSE(pack_split_linear(torch::randn({64, 64}).to(torch::kBFloat16), {}));
}
#endif

TEST(SplitProductShapes, few_rows_or_columns_do_not_pay) {
    EXPECT_TRUE(split_product_pays(512, 256, 256));
    EXPECT_FALSE(split_product_pays(60, 256, 8000));
    EXPECT_FALSE(split_product_pays(8000, 256, 60));
    EXPECT_FALSE(split_product_pays(512, 8, 512));
    EXPECT_FALSE(split_product_pays(0, 256, 256));
}

}  // namespace
}  // namespace kohort::model
