// Low-rank adapters: gradients of A and B against autograd of the definition, what is frozen stays frozen to the bit, and what
// is saved is what was trained.
#include "train/lora.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "model/encoder.h"
#include "model/gpt2.h"
#include "model/pretrained.h"
#include "model/safetensors.h"
#include "parallel/thread_communicator.h"
#include "small_model.h"
#include "temporary_folder.h"
#include "train/gradient_reducer.h"
#include "train/replica.h"
#include "train/trained_model.h"

namespace kohort::train {
namespace {

const TrainedModel::HeadMaker no_head = [](const model::TensorSource&) { return nullptr; };

model::TokenBatch some_batch() { return model::make_batch({{2, 7, 9, 11, 3}, {2, 5, 3}}, 0); }

// Fills B, which starts at zero, so that A gets gradients.
void fill_adapters(const TrainedModel& trained) {
    const torch::NoGradGuard no_grad;
    torch::manual_seed(3);
    for (const auto& [name, value] : trained.masters())
        if (name.ends_with("lora_B.weight")) torch::Tensor(value).normal_(0, 0.3);
}

TEST(Lora, adapts_the_projections_of_every_family) {
    const auto modules = [](const std::vector<std::string>& names, LoraTargets targets) {
        std::vector<model::Parameter> parameters;
        for (const auto& name : names) parameters.push_back({name, torch::zeros({2, 2})});
        std::vector<std::string> found;
        for (const auto& target : lora_targets(parameters, targets)) found.push_back(target.module + (target.transposed ? " transposed" : ""));
        return found;
    };
    const std::vector<std::string> bert{"embeddings.word_embeddings.weight", "encoder.layer.0.attention.self.query.weight",
                                        "encoder.layer.0.attention.self.query.bias", "encoder.layer.0.attention.output.dense.weight",
                                        "encoder.layer.0.attention.output.LayerNorm.weight", "encoder.layer.0.output.dense.weight"};
    EXPECT_THAT(modules(bert, LoraTargets::attention),
                testing::ElementsAre("encoder.layer.0.attention.self.query", "encoder.layer.0.attention.output.dense"));
    EXPECT_THAT(modules(bert, LoraTargets::all), testing::Contains("encoder.layer.0.output.dense"));
    EXPECT_THAT(modules({"wte.weight", "h.0.attn.c_attn.weight", "h.0.mlp.c_fc.weight"}, LoraTargets::attention),
                testing::ElementsAre("h.0.attn.c_attn transposed"));
    EXPECT_THAT(modules({"shared.weight", "encoder.block.0.layer.0.SelfAttention.q.weight",
                         "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                         "encoder.block.0.layer.1.DenseReluDense.wi_0.weight"},
                        LoraTargets::all),
                testing::ElementsAre("encoder.block.0.layer.0.SelfAttention.q", "encoder.block.0.layer.1.DenseReluDense.wi_0"));
    EXPECT_THROW(modules({"wte.weight"}, LoraTargets::all), base::Error);
}

TEST(Lora, starts_from_the_given_model) {
    const auto bert = model::make_model(small_config(2), 7);
    const TrainedModel trained(*bert, no_head, {}, model::Precision::fp32, {4, 8, LoraTargets::all}, 5);
    EXPECT_TRUE(trained.instance(false).encoder->forward(some_batch()).equal(bert->forward(some_batch())));
    EXPECT_EQ(trained.masters().size(), 2U * 6 * 2);
    const TrainedModel again(*bert, no_head, {}, model::Precision::fp32, {4, 8, LoraTargets::all}, 5);
    const TrainedModel other(*bert, no_head, {}, model::Precision::fp32, {4, 8, LoraTargets::all}, 6);
    EXPECT_TRUE(again.masters()[0].value.equal(trained.masters()[0].value));
    EXPECT_FALSE(other.masters()[0].value.equal(trained.masters()[0].value));
    EXPECT_NEAR(trained.masters()[0].value.square().mean().item<double>(), 1.0 / 16, 0.03);
}

// dsum(forward * direction)/dA, dB by the step's way, and by autograd over W + alpha / r B A written out.
void expect_gradients(const model::Encoder& encoder, LoraTargets targets) {
    const LoraOptions options{3, 12, targets};
    TrainedModel trained(encoder, no_head, {}, model::Precision::fp32, options, 5);
    fill_adapters(trained);
    const auto comm = parallel::make_single_communicator();
    GradientReducer sums(*comm, trained.masters());
    const auto direction = torch::randn({2, 5, encoder.sizes().hidden});
    std::vector<torch::Tensor> gradients;
    while (gradients.empty()) {
        sums.begin(10);
        Replica replica(trained, &sums);
        replica.backward(replica.encoder().forward(some_batch()), direction);
        gradients = sums.reduce(0);
    }

    const auto found = lora_targets(encoder.parameters(), targets);
    std::vector<torch::Tensor> leaves, weights;
    for (const auto& master : trained.masters()) leaves.push_back(master.value.detach().clone().requires_grad_(true));
    for (const auto& parameter : encoder.parameters()) weights.push_back(parameter.value.detach());
    for (std::size_t i = 0; i < found.size(); ++i) {
        const auto update = torch::matmul(leaves[2 * i + 1], leaves[2 * i]) * (12.0 / 3);
        torch::Tensor& weight = weights[found[i].tensor];
        weight = weight + (found[i].transposed ? update.t() : update);
    }
    std::size_t next = 0;
    const auto plain = encoder.with_weights([&](const std::string&, torch::IntArrayRef) { return weights[next++]; });
    const auto expected = torch::autograd::grad({(plain->forward(some_batch()) * direction).sum()}, leaves);
    for (std::size_t t = 0; t < leaves.size(); ++t) {
        EXPECT_GT(expected[t].norm().item<double>(), 0) << trained.masters()[t].name;
        EXPECT_LT((gradients[t] - expected[t]).norm().item<double>(), 1e-4 * std::max(expected[t].norm().item<double>(), 1e-2)) << trained.masters()[t].name;
    }
}

TEST(Lora, gradients_are_those_of_the_definition) {
    auto config = small_config(2);
    config.initializer_range = 0.3;
    expect_gradients(*model::make_model(config, 7), LoraTargets::attention);
    expect_gradients(*model::make_model(config, 7), LoraTargets::all);
}

TEST(Lora, gradients_are_those_of_the_definition_where_weights_are_stored_transposed) {
    model::Gpt2Config config;
    config.vocab_size = 31;
    config.n_embd = 16;
    config.n_layer = 1;
    config.n_head = 2;
    config.n_inner = 24;
    config.n_positions = 16;
    config.n_inner = 24;
    torch::manual_seed(2);
    const model::Gpt2 gpt2(config, [](const std::string&, torch::IntArrayRef shape) { return torch::randn(shape) * 0.3; });
    expect_gradients(gpt2, LoraTargets::all);
}

TEST(Lora, merging_adds_the_update_and_leaves_the_rest_as_it_was) {
    for (const auto precision : {model::Precision::fp32, model::Precision::bf16}) {
        const auto bert = model::make_model(small_config(2), 7), before = model::make_model(small_config(2), 7);
        TrainedModel trained(*bert, no_head, {}, precision, {2, 6, LoraTargets::attention}, 5);
        fill_adapters(trained);
        trained.refresh();
        const auto targets = lora_targets(bert->parameters(), LoraTargets::attention);
        const auto instance = trained.instance(false);
        for (std::size_t t = 0; t < bert->parameters().size(); ++t)
            EXPECT_TRUE(bert->parameters()[t].value.equal(before->parameters()[t].value)) << "frozen while training";
        trained.merge_adapters();
        std::size_t next = 0;
        for (std::size_t t = 0; t < bert->parameters().size(); ++t) {
            const auto& [name, value] = bert->parameters()[t];
            const auto& old = before->parameters()[t].value;
            if (next < targets.size() && targets[next].tensor == t) {
                const auto update = torch::matmul(trained.masters()[2 * next + 1].value, trained.masters()[2 * next].value) * 3;
                EXPECT_TRUE(value.allclose(old + update, 1e-5, 1e-6)) << name;
                EXPECT_FALSE(value.equal(old)) << name;
                ++next;
            } else {
                EXPECT_TRUE(value.equal(old)) << name;
            }
        }
        EXPECT_EQ(next, 8U);
        const auto type = precision == model::Precision::bf16 ? torch::kBFloat16 : torch::kFloat;
        for (std::size_t t = 0; t < bert->parameters().size(); ++t)
            EXPECT_TRUE(instance.encoder->parameters()[t].value.equal(bert->parameters()[t].value.to(type)))
                << "steps compute with what is merged: " << bert->parameters()[t].name;
    }
}

TEST(Lora, is_saved_as_peft_reads_it) {
    const auto bert = model::make_model(small_config(1), 7);
    TrainedModel trained(*bert, no_head, {}, model::Precision::fp32, {2, 6, LoraTargets::attention}, 5);
    fill_adapters(trained);
    const TemporaryFolder folder;
    const auto files = save_adapters(folder.path() / "adapter", *trained.adapters());
    ASSERT_EQ(files.size(), 2U);
    const auto config = nlohmann::json::parse(base::read_file(folder.path() / "adapter" / files[0].name));
    EXPECT_EQ(config["peft_type"], "LORA");
    EXPECT_EQ(config["r"], 2);
    EXPECT_EQ(config["lora_alpha"], 6.0);
    EXPECT_EQ(config["target_modules"].size(), 4U);
    EXPECT_EQ(config["target_modules"][0], "encoder.layer.0.attention.self.query");
    const model::SafetensorsFile weights(folder.path() / "adapter" / files[1].name);
    EXPECT_EQ(weights.tensors().size(), 8U);
    const auto& b = weights.tensor("base_model.model.encoder.layer.0.attention.self.query.lora_B.weight");
    EXPECT_THAT(b.shape, testing::ElementsAre(16, 2));
    std::vector<float> values(32);
    model::to_float(b, values);
    EXPECT_TRUE(torch::tensor(values).view({16, 2}).equal(trained.masters()[1].value));
}

}  // namespace
}  // namespace kohort::train
