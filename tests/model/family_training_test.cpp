// What training asks of every family: gradients that agree with finite differences, dropout at each site once, fresh weights
// as papers have them.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "model/mlm_head.h"
#include "model/new_model.h"
#include "model/weights.h"
#include "numeric_gradients.h"
#include "recording_source.h"
#include "small_families.h"

namespace kohort::model {
namespace {

using Sequences = std::vector<std::vector<std::int32_t>>;

Sequences some_sequences() { return {{2, 5, 9, 4}, {6}, {2, 7, 7, 8, 11, 12, 4}, {2, 4}}; }

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

std::shared_ptr<Encoder> double_encoder(const Family& family) {
    return encoder_of(family, as_leaves(copied_weights(random_encoder(family)->parameters(), torch::kCPU, torch::kDouble)));
}

class FamilyTraining : public testing::TestWithParam<Family> {};

TEST_P(FamilyTraining, gradients_agree_with_finite_differences) {
    const auto encoder = double_encoder(GetParam());
    const auto batch = make_batch(some_sequences(), encoder->sizes().padding);
    const auto factors = torch::arange(1, encoder->sizes().hidden + 1, torch::kDouble);
    expect_gradients_of(encoder->parameters(), [&] { return encoder->forward(batch).pow(2).mul(factors).mean(); });
}

// With masks of real dropout, which are constants.
TEST_P(FamilyTraining, gradients_under_dropout_agree_with_finite_differences) {
    const auto encoder = double_encoder(GetParam());
    const auto batch = make_batch(some_sequences(), encoder->sizes().padding);
    const auto factors = torch::arange(1, encoder->sizes().hidden + 1, torch::kDouble);
    expect_gradients_of(encoder->parameters(), [&] {
        RecordingSource halves(0.0, 2.0);
        return encoder->forward(batch, &halves).pow(2).mul(factors).mean();
    });
}

TEST_P(FamilyTraining, masks_of_ones_change_nothing) {
    const torch::NoGradGuard no_gradients;
    const auto encoder = random_encoder(GetParam());
    const auto batch = make_batch(some_sequences(), encoder->sizes().padding);
    RecordingSource ones(1.0, 1.0), halves(0.0, 2.0);
    const auto plain = encoder->forward(batch);
    EXPECT_LT(largest_difference(encoder->forward(batch, &ones), plain), 1e-4 * plain.abs().max().item<double>());
    EXPECT_GT(largest_difference(encoder->forward(batch, &halves), plain), 0.1);
}

INSTANTIATE_TEST_SUITE_P(Families, FamilyTraining, testing::ValuesIn(small_families),
                         [](const auto& family) { return family.param.name; });

const Family& family_of(const std::string& name) {
    for (const Family& family : small_families)
        if (name == family.name) return family;
    throw std::out_of_range(name);
}

TEST(FamilyDropout, gpt2_is_asked_at_every_site_once) {
    RecordingSource ones(1.0, 1.0);
    random_encoder(family_of("gpt2"))->forward(make_batch(some_sequences(), 0), &ones);
    const Shape wide{4, 7, 6}, square{4, 3, 7, 7};
    const std::vector<Asked> expected{{-1, 0, wide}, {0, 1, square}, {0, 2, wide}, {0, 3, wide},
                                      {1, 1, square}, {1, 2, wide},  {1, 3, wide}};
    EXPECT_EQ(ones.asked, expected);
}

TEST(FamilyDropout, t5_is_asked_at_every_site_once) {
    RecordingSource ones(1.0, 1.0);
    random_encoder(family_of("t5"))->forward(make_batch(some_sequences(), 0), &ones);
    const Shape wide{4, 7, 6}, inner{4, 7, 9}, square{4, 2, 7, 7};
    const std::vector<Asked> expected{{-1, 0, wide}, {0, 1, square}, {0, 2, wide}, {0, 4, inner}, {0, 3, wide},
                                      {1, 1, square}, {1, 2, wide},  {1, 4, inner}, {1, 3, wide}, {-1, 5, wide}};
    EXPECT_EQ(ones.asked, expected);
}

// A sequence's values must not depend on the company it is trained in.
TEST(FamilyDropout, masks_meet_the_same_tokens_with_and_without_padding) {
    const torch::NoGradGuard no_gradients;
    for (const char* name : {"gpt2", "t5", "t5_gated"}) {
        const auto encoder = random_encoder(family_of(name));
        RecordingSource first(0.0, 2.0), second(0.0, 2.0);
        const auto alone = encoder->forward(make_batch({{2, 5, 9, 4}}, 0), &first);
        const auto together = encoder->forward(make_batch({{2, 5, 9, 4}, {3}}, 0), &second);
        EXPECT_LT(largest_difference(together[0], alone[0]), 1e-5 * alone.abs().max().item<double>()) << name;
    }
}

NewModel small_model(const std::string& family) {
    return {.family = family, .vocabulary = 400, .layers = 2, .hidden = 64, .heads = 4, .intermediate = 96, .positions = 32, .end = 3};
}

TEST(FreshWeights, follow_the_papers_deviations) {
    const auto deviation = [](const Encoder& encoder, const std::string& name) {
        for (const Parameter& parameter : encoder.parameters())
            if (parameter.name == name) return parameter.value.std().item<double>();
        throw std::out_of_range(name);
    };
    const auto gpt2 = make_model(small_model("gpt2"), 1);
    EXPECT_NEAR(deviation(*gpt2, "wte.weight"), 0.02, 0.001);
    EXPECT_NEAR(deviation(*gpt2, "h.1.attn.c_attn.weight"), 0.02, 0.001);
    EXPECT_NEAR(deviation(*gpt2, "h.1.attn.c_proj.weight"), 0.01, 0.001);
    EXPECT_NEAR(deviation(*gpt2, "h.0.mlp.c_proj.weight"), 0.01, 0.001);
    EXPECT_EQ(deviation(*gpt2, "h.0.mlp.c_proj.bias"), 0);
    EXPECT_EQ(deviation(*gpt2, "h.0.ln_1.weight"), 0);
    const auto t5 = make_model(small_model("t5"), 1);
    EXPECT_NEAR(deviation(*t5, "shared.weight"), 1, 0.02);
    EXPECT_NEAR(deviation(*t5, "encoder.block.0.layer.0.SelfAttention.q.weight"), 1 / 32.0, 0.002);  // 64 inputs, 16 a head
    EXPECT_NEAR(deviation(*t5, "encoder.block.1.layer.0.SelfAttention.v.weight"), 1 / 8.0, 0.01);
    EXPECT_NEAR(deviation(*t5, "encoder.block.1.layer.1.DenseReluDense.wo.weight"), 1 / std::sqrt(96.0), 0.005);
    EXPECT_EQ(deviation(*t5, "encoder.final_layer_norm.weight"), 0);
}

TEST(FreshWeights, follow_the_seed_and_the_name_only) {
    for (const char* family : {"bert", "gpt2", "t5"}) {
        auto deeper = small_model(family);
        deeper.layers = 3;
        const auto one = make_model(small_model(family), 1), same = make_model(small_model(family), 1);
        const auto other = make_model(small_model(family), 2);
        EXPECT_EQ(one->sizes().layers, 2);
        EXPECT_TRUE(torch::equal(one->word_embeddings(), same->word_embeddings()));
        EXPECT_FALSE(torch::equal(one->word_embeddings(), other->word_embeddings()));
        EXPECT_TRUE(torch::equal(one->word_embeddings(), make_model(deeper, 1)->word_embeddings()));
        std::vector<torch::Tensor> matrices;
        for (const Parameter& parameter : one->parameters())
            if (parameter.value.dim() == 2) matrices.push_back(parameter.value.flatten().slice(0, 0, 64));
        for (std::size_t i = 0; i < matrices.size(); ++i)
            for (std::size_t j = 0; j < i; ++j) EXPECT_FALSE(torch::equal(matrices[i], matrices[j])) << family;
    }
}

TEST(FreshWeights, numbers_that_make_no_model_are_refused) {
    for (const char* family : {"bert", "gpt2", "t5"}) {
        auto model = small_model(family);
        EXPECT_EQ(check_new_model(model), std::string(family) == "t5" ? std::numeric_limits<std::int64_t>::max() : 32);
        model.heads = 5;
        EXPECT_THROW(check_new_model(model), base::Error) << family;
    }
}

TEST(MlmHeads, gradients_agree_with_finite_differences) {
    for (const char* name : {"bert", "roberta"}) {
        const auto config = parse_model_config(family_of(name).json, name);
        torch::manual_seed(5);
        const MlmHead head(config, as_leaves([](const std::string&, torch::IntArrayRef shape) { return torch::randn(shape, torch::kDouble); }));
        const auto hidden = torch::randn({5, 6}, torch::kDouble), words = torch::randn({13, 6}, torch::kDouble);
        const auto targets = torch::tensor({3, 1, 4, 12, 5}, torch::kLong);
        expect_gradients_of(head.parameters(), [&] { return torch::cross_entropy_loss(head.forward(hidden, words), targets); });
        EXPECT_EQ(head.parameters().back().name, std::string(name) == "bert" ? "cls.predictions.bias" : "lm_head.bias");
    }
}

}  // namespace
}  // namespace kohort::model
