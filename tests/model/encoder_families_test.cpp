// GPT-2 and T5 beside BERT, as a folder's config.json names them: hidden states against rows that plain PyTorch
// computed (the shared oracles), alone and in company; and what is no such model is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "model/encoder.h"
#include "model/gpt2.h"
#include "model/pretrained.h"
#include "model/t5.h"
#include "model/weights.h"
#include "shared_data.h"

namespace kohort::model {
namespace {

using Sequences = std::vector<std::vector<std::int32_t>>;

double largest_difference(const nlohmann::json& row, const torch::Tensor& tensor) {
    return (torch::tensor(row.get<std::vector<double>>()) - tensor.to(torch::kDouble)).abs().max().item<double>();
}

std::string refusal(const std::function<void()>& work) {
    try {
        work();
    } catch (const base::Error& error) {
        return error.what();
    }
    return "nothing was refused";
}

class EncoderFamilies : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        folder_ = shared_folder() / "oracles" / GetParam();
        if (!std::filesystem::exists(folder_)) GTEST_SKIP() << "no shared oracles: set KOHORT_SHARED";
        model_ = load_encoder(folder_);
        std::ifstream lines(folder_ / "expected.jsonl");
        for (std::string line; std::getline(lines, line);) {
            expected_.push_back(nlohmann::json::parse(line));
            ids_.push_back(expected_.back()["ids"]);
        }
        ASSERT_EQ(ids_.size(), 6u);
    }
    // hidden [T, H] and its mean [H] against a line of the oracle. The rows of the gated T5 are themselves 4.2e-5 from what
    // exact arithmetic gives (its values grow from block to block, and float32 made them).
    void expect_row(std::size_t line, const torch::Tensor& hidden, const torch::Tensor& mean) const {
        const auto& expected = expected_[line];
        ASSERT_GT(expected["rows"].size(), 2u);
        const double tolerance = std::string(GetParam()) == "t5_gated_random" ? 5e-5 : 2e-5;
        for (std::size_t i = 0; i < expected["rows"].size(); ++i)
            EXPECT_LT(largest_difference(expected["hidden"][i], hidden[expected["rows"][i].get<std::int64_t>()]), tolerance) << line;
        EXPECT_LT(largest_difference(expected["mean"], mean), tolerance) << line;
    }

    const torch::NoGradGuard no_gradients_;
    std::filesystem::path folder_;
    std::shared_ptr<Encoder> model_;
    Sequences ids_;
    std::vector<nlohmann::json> expected_;
};

TEST_P(EncoderFamilies, every_sequence_alone_gives_the_expected_rows) {
    for (std::size_t i = 0; i < ids_.size(); ++i) {
        const auto batch = make_batch({ids_[i]}, model_->sizes().padding);
        const auto hidden = model_->encode(batch);
        expect_row(i, hidden[0], mean_pool(hidden, batch.lengths)[0]);
    }
}

TEST_P(EncoderFamilies, all_sequences_in_one_batch_give_the_expected_rows_and_zeros_behind_them) {
    const auto batch = make_batch(ids_, model_->sizes().padding);
    const auto hidden = model_->encode(batch), mean = mean_pool(hidden, batch.lengths), last = last_pool(hidden, batch.lengths);
    for (std::size_t i = 0; i < ids_.size(); ++i) {
        const auto row = static_cast<std::int64_t>(i), length = static_cast<std::int64_t>(ids_[i].size());
        expect_row(i, hidden[row], mean[row]);
        EXPECT_TRUE(torch::equal(last[row], hidden[row][length - 1]));
        EXPECT_EQ(hidden[row].slice(0, length).abs().sum().item<double>(), 0);
    }
}

TEST_P(EncoderFamilies, brain_floats_keep_the_direction_of_the_vectors) {
    const auto batch = make_batch(ids_, model_->sizes().padding);
    const auto exact = mean_pool(model_->encode(batch), batch.lengths);
    const auto coarse = mean_pool(model_->copy(torch::kCPU, torch::kBFloat16)->encode(batch), batch.lengths);
    // Rounding the weights of the gated T5 alone leaves 0.998: its scores are large, as T5 does not scale them.
    const double least = std::string(GetParam()) == "t5_gated_random" ? 0.99 : 0.999;
    EXPECT_GE(torch::cosine_similarity(exact, coarse, 1).min().item<double>(), least);
}

INSTANTIATE_TEST_SUITE_P(Oracles, EncoderFamilies, testing::Values("bert_random", "gpt2_random", "t5_random", "t5_gated_random"),
                         [](const auto& name) { return std::string(name.param); });

constexpr const char* tiny_gpt2 = R"({"model_type": "gpt2", "vocab_size": 11, "n_positions": 7, "n_embd": 6, "n_layer": 2, "n_head": 3})";
constexpr const char* tiny_t5 = R"({"model_type": "mt5", "vocab_size": 11, "d_model": 6, "d_kv": 5, "d_ff": 9, "num_layers": 1, "num_heads": 2,
    "feed_forward_proj": "gated-gelu"})";

// A model's folder whose tensors are of ones.
void write_ones(const std::filesystem::path& folder, const std::string& json, std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors) {
    base::write_file_atomically(folder / "config.json", json);
    const std::vector<float> ones(1000, 1);
    std::vector<TensorView> views;
    for (auto& [name, shape] : tensors) {
        std::int64_t count = 1;
        for (const auto size : shape) count *= size;
        views.push_back({name, ElementType::f32, shape, std::as_bytes(std::span(ones).first(static_cast<std::size_t>(count)))});
    }
    write_safetensors(folder / "model.safetensors", std::move(views));
}

template <class Model, class Config>
std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors_of(const Config& config) {
    std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;
    Model(config, [&](const std::string& name, torch::IntArrayRef shape) {
        tensors.emplace_back(name, shape.vec());
        return torch::ones(shape);
    });
    return tensors;
}

TEST(Gpt2Folder, heads_masks_and_the_prefix_of_full_checkpoints_are_fine) {
    const TemporaryFolder folder;
    auto tensors = tensors_of<Gpt2>(parse_gpt2_config(tiny_gpt2, ""));
    for (auto& [name, shape] : tensors) name = "transformer." + name;
    tensors.emplace_back("transformer.h.0.attn.bias", std::vector<std::int64_t>{1, 1, 7, 7});
    tensors.emplace_back("transformer.h.1.attn.masked_bias", std::vector<std::int64_t>{1});
    tensors.emplace_back("lm_head.weight", std::vector<std::int64_t>{11, 6});
    write_ones(folder.path(), tiny_gpt2, tensors);
    EXPECT_EQ(load_encoder(folder.path())->sizes().longest, 7);
    EXPECT_EQ(check_encoder(folder.path()), 7);
}

TEST(T5Folder, the_decoder_of_full_checkpoints_is_left_out) {
    const TemporaryFolder folder;
    auto tensors = tensors_of<T5Encoder>(parse_t5_config(tiny_t5, ""));
    tensors.emplace_back("decoder.block.0.layer.0.SelfAttention.q.weight", std::vector<std::int64_t>{10, 6});
    tensors.emplace_back("encoder.embed_tokens.weight", std::vector<std::int64_t>{11, 6});
    tensors.emplace_back("lm_head.weight", std::vector<std::int64_t>{11, 6});
    write_ones(folder.path(), tiny_t5, tensors);
    const auto model = load_encoder(folder.path());
    EXPECT_EQ(model->sizes().hidden, 6);
    EXPECT_EQ(model->encode(make_batch({{1, 2, 3}}, 0)).sizes(), (std::vector<std::int64_t>{1, 3, 6}));
}

TEST(EncoderFolder, what_is_missing_surplus_or_misshapen_is_named) {
    const TemporaryFolder folder;
    auto tensors = tensors_of<Gpt2>(parse_gpt2_config(tiny_gpt2, ""));
    std::erase_if(tensors, [](const auto& tensor) { return tensor.first == "h.1.mlp.c_fc.bias"; });
    tensors.emplace_back("h.2.ln_1.weight", std::vector<std::int64_t>{6});
    tensors.front().second = {12, 6};
    write_ones(folder.path(), tiny_gpt2, tensors);
    const auto message = refusal([&] { load_encoder(folder.path()); });
    for (const auto* part : {"missing: h.1.mlp.c_fc.bias", "wte.weight ([12, 6] instead of [11, 6])", "surplus: h.2.ln_1.weight"})
        EXPECT_THAT(message, testing::HasSubstr(part));
}

TEST(EncoderFolder, configurations_that_are_computed_otherwise_are_refused) {
    for (const auto& [json, part] : std::vector<std::pair<std::string, std::string>>{
             {R"({"model_type": "gpt2", "scale_attn_by_inverse_layer_idx": true})", "scale_attn_by_inverse_layer_idx"},
             {R"({"model_type": "gpt2", "n_head": 5})", "does not divide"},
             {R"({"model_type": "gpt2", "n_layer": 0})", "n_layer"},
             {R"({"model_type": "gpt2", "activation_function": "swish"})", "swish"},
             {R"({"model_type": "t5", "feed_forward_proj": "gated-silu"})", "gated-silu"},
             {R"({"model_type": "t5", "relative_attention_num_buckets": 7})", "buckets"},
             {R"({"model_type": "t5", "d_kv": "x"})", "d_kv"},
             {R"({"model_type": "mamba"})", "mamba"},
             {R"({"vocab_size": 3})", "model type"},
             {R"([1])", "not a JSON object"}}) {
        const TemporaryFolder folder;
        base::write_file_atomically(folder.path() / "config.json", json);
        EXPECT_THAT(refusal([&] { check_encoder(folder.path()); }), testing::HasSubstr(part));
        EXPECT_THAT(refusal([&] { load_encoder(folder.path()); }), testing::HasSubstr(part));
    }
}

}  // namespace
}  // namespace kohort::model
