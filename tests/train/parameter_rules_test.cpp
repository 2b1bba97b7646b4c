// What decays and what learns how fast, by the names of every family's parameters.
#include "train/parameter_rules.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kohort::train {
namespace {

struct Case {
    const char* name;
    std::vector<std::int64_t> shape;
    bool decays;
    int distance;  // from the last of three layers
};

void check(const std::vector<Case>& cases) {
    std::vector<model::Parameter> parameters;
    for (const Case& one : cases) parameters.push_back({one.name, torch::zeros(one.shape)});
    const auto rules = parameter_rules(parameters, 0.8);
    for (std::size_t i = 0; i < cases.size(); ++i) {
        EXPECT_EQ(rules[i].decays, cases[i].decays) << cases[i].name;
        EXPECT_DOUBLE_EQ(rules[i].rate_share, std::pow(0.8, cases[i].distance)) << cases[i].name;
    }
    for (const ParameterRule& rule : parameter_rules(parameters, 1)) EXPECT_EQ(rule.rate_share, 1);
}

TEST(ParameterRules, of_bert) {
    check({{"embeddings.word_embeddings.weight", {4, 4}, true, 3},
           {"embeddings.LayerNorm.weight", {4}, false, 3},
           {"embeddings.LayerNorm.bias", {4}, false, 3},
           {"encoder.layer.0.attention.self.query.weight", {4, 4}, true, 2},
           {"encoder.layer.0.attention.self.query.bias", {4}, false, 2},
           {"encoder.layer.1.output.LayerNorm.weight", {4}, false, 1},
           {"encoder.layer.2.output.dense.weight", {4, 4}, true, 0},
           {"cls.predictions.transform.dense.weight", {4, 4}, true, 0},
           {"cls.predictions.bias", {4}, false, 0}});
}

TEST(ParameterRules, of_gpt2) {
    check({{"wte.weight", {4, 4}, true, 3},
           {"wpe.weight", {4, 4}, true, 3},
           {"h.0.ln_1.weight", {4}, false, 2},
           {"h.0.attn.c_attn.weight", {4, 12}, true, 2},
           {"h.1.mlp.c_fc.bias", {4}, false, 1},
           {"h.2.mlp.c_proj.weight", {4, 4}, true, 0},
           {"ln_f.weight", {4}, false, 0},
           {"ln_f.bias", {4}, false, 0}});
}

TEST(ParameterRules, of_t5) {
    check({{"shared.weight", {4, 4}, true, 3},
           {"encoder.block.0.layer.0.SelfAttention.q.weight", {4, 4}, true, 2},
           {"encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", {32, 4}, false, 2},
           {"encoder.block.1.layer.0.layer_norm.weight", {4}, false, 1},
           {"encoder.block.2.layer.1.DenseReluDense.wi.weight", {4, 4}, true, 0},
           {"encoder.final_layer_norm.weight", {4}, false, 0},
           {"decoder.block.0.layer.0.SelfAttention.q.weight", {4, 4}, true, 0},
           {"lm_head.weight", {4, 4}, true, 0}});
}

TEST(ParameterRules, ten_layers_and_more_are_numbers_and_not_letters) {
    std::vector<model::Parameter> parameters;
    for (int layer = 0; layer < 12; ++layer)
        parameters.push_back({"bert.encoder.layer." + std::to_string(layer) + ".output.dense.weight", torch::zeros({2, 2})});
    const auto rules = parameter_rules(parameters, 0.5);
    EXPECT_DOUBLE_EQ(rules[11].rate_share, 1);
    EXPECT_DOUBLE_EQ(rules[2].rate_share, std::pow(0.5, 9));
}

}  // namespace
}  // namespace kohort::train
