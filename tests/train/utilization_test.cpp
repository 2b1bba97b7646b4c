// What the utilisation of a training is measured with.
#include "train/utilization.h"

#include <gtest/gtest.h>

#include "model/encoder.h"
#include "model/pretrained.h"
#include "small_model.h"

namespace kohort::train {
namespace {

TEST(Utilization, counts_the_products_of_layers_and_attention) {
    const auto bert = model::make_model(small_config(2), 1);  // 2 layers of 16, inner 24
    const double weights = 2 * (4 * 16 * 16 + 2 * 16 * 24);
    const std::vector<std::int32_t> lengths{5, 3};
    EXPECT_DOUBLE_EQ(encoder_flops(bert->parameters(), bert->sizes(), lengths), 6 * weights * 8 + 12 * 2 * 16 * (25 + 9));
    EXPECT_DOUBLE_EQ(encoder_flops(bert->parameters(), bert->sizes(), lengths, /*frozen=*/true), 4 * weights * 8 + 12 * 2 * 16 * (25 + 9));
}

TEST(Utilization, products_reach_something_in_both_types) {
    for (const auto type : {torch::kFloat, torch::kBFloat16}) EXPECT_GT(product_ceiling(torch::kCPU, type, 2), 1e6);
}

}  // namespace
}  // namespace kohort::train
