// Activation checkpointing against the same graph kept whole: the same bits, and nothing forgotten.
#include "model/checkpointed.h"

#include <gtest/gtest.h>

#include "small_families.h"

namespace kohort::model {
namespace {

// Masks that follow from layer, site and shape alone.
class FixedMasks : public DropoutSource {
  public:
    torch::Tensor scaled_mask(int layer, DropoutSite site, torch::IntArrayRef shape) override {
        ++asked;
        const auto count = torch::arange(torch::zeros(shape).numel(), torch::kLong).view(shape);
        return (count * 7 + layer * 3 + static_cast<int>(site)).remainder(4).gt(0).to(torch::kFloat) * (4.0 / 3);
    }
    int asked = 0;
};

struct Pass {
    torch::Tensor output;
    std::vector<torch::Tensor> gradients;
};

Pass pass(Encoder& encoder, bool checkpoints, DropoutSource* dropout) {
    std::vector<torch::Tensor> weights;
    for (const auto& parameter : encoder.parameters()) weights.push_back(torch::Tensor(parameter.value).requires_grad_(true));
    encoder.checkpoint_activations(checkpoints);
    const auto batch = make_batch({{1, 2, 3, 4, 5}, {6, 7, 8}}, 0);
    const auto output = encoder.forward(batch, dropout);
    const auto loss = (output * torch::linspace(-1, 1, output.numel()).view(output.sizes())).sum();
    return {output.detach(), torch::autograd::grad({loss}, weights, {}, false, false, true)};
}

class EveryFamily : public testing::TestWithParam<Family> {};

TEST_P(EveryFamily, has_the_same_gradients_with_checkpointing) {
    const auto encoder = random_encoder(GetParam());
    FixedMasks masks;
    for (DropoutSource* dropout : {static_cast<DropoutSource*>(nullptr), static_cast<DropoutSource*>(&masks)}) {
        masks.asked = 0;
        const Pass kept = pass(*encoder, false, dropout);
        const int asked = masks.asked;
        const Pass again = pass(*encoder, true, dropout);
        EXPECT_TRUE(torch::equal(kept.output, again.output));
        if (asked > 0) {
            EXPECT_GT(masks.asked, 2 * asked) << "the layers were not computed a second time";
        }
        for (std::size_t t = 0; t < kept.gradients.size(); ++t) {
            ASSERT_EQ(kept.gradients[t].defined(), again.gradients[t].defined()) << encoder->parameters()[t].name;
            if (kept.gradients[t].defined()) {
                EXPECT_TRUE(torch::equal(kept.gradients[t].to_dense(), again.gradients[t].to_dense())) << encoder->parameters()[t].name;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Checkpointed, EveryFamily, testing::ValuesIn(small_families), [](const auto& family) { return std::string(family.param.name); });

TEST(Checkpointed, takes_inputs_that_want_no_gradient_and_weights_that_are_results) {
    const auto leaf = torch::ones({2, 2}).requires_grad_(true);
    const auto weight = leaf * 3, other = torch::full({2, 2}, 2.0);
    const auto part = [weight](const std::vector<torch::Tensor>& inputs) { return torch::matmul(inputs[0], weight).exp() * inputs[1]; };
    const auto x = torch::full({1, 2}, 0.1), scale = torch::full({1, 2}, 0.5).requires_grad_(true);
    const auto direct = torch::autograd::grad({part({x, scale}).sum()}, {leaf, scale});
    const auto again = torch::autograd::grad({checkpointed({x, scale}, {weight, other}, part).sum()}, {leaf, scale});
    for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE(torch::equal(direct[i], again[i]));
}

}  // namespace
}  // namespace kohort::model
