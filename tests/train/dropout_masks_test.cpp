#include "train/dropout_masks.h"

#include <gtest/gtest.h>

namespace kohort::train {
namespace {

using model::DropoutSite;

TEST(DropoutMasks, drop_the_rate_and_keep_the_mean) {
    DropoutMasks masks(1, 0, 0.1, {0, 1, 2, 3});
    const auto mask = masks.scaled_mask(0, DropoutSite::attention_output, {4, 50, 101});
    EXPECT_NEAR(mask.eq(0).to(torch::kDouble).mean().item<double>(), 0.1, 0.01);
    EXPECT_NEAR(mask.to(torch::kDouble).mean().item<double>(), 1.0, 0.01);
    EXPECT_EQ(std::get<0>(torch::_unique(mask)).numel(), 2);
}

TEST(DropoutMasks, a_sequences_mask_does_not_depend_on_its_micro_batch) {
    DropoutMasks together(1, 5, 0.3, {7, 2, 9}), alone(1, 5, 0.3, {2});
    const auto both = together.scaled_mask(1, DropoutSite::embeddings, {3, 6, 10});
    EXPECT_TRUE(torch::equal(both[1], alone.scaled_mask(1, DropoutSite::embeddings, {1, 6, 10})[0]));
    EXPECT_FALSE(torch::equal(both[0], both[1]));
}

TEST(DropoutMasks, differ_by_seed_step_layer_and_site) {
    const auto mask = [](std::uint64_t seed, std::int64_t step, int layer, DropoutSite site) {
        return DropoutMasks(seed, step, 0.5, {4}).scaled_mask(layer, site, {1, 8, 8});
    };
    const auto first = mask(1, 1, 0, DropoutSite::attention_output);
    EXPECT_TRUE(torch::equal(first, mask(1, 1, 0, DropoutSite::attention_output)));
    EXPECT_FALSE(torch::equal(first, mask(2, 1, 0, DropoutSite::attention_output)));
    EXPECT_FALSE(torch::equal(first, mask(1, 2, 0, DropoutSite::attention_output)));
    EXPECT_FALSE(torch::equal(first, mask(1, 1, 1, DropoutSite::attention_output)));
    EXPECT_FALSE(torch::equal(first, mask(1, 1, 0, DropoutSite::feed_forward_output)));
    EXPECT_FALSE(torch::equal(first, mask(1, 1, -1, DropoutSite::attention_output)));
}

}  // namespace
}  // namespace kohort::train
