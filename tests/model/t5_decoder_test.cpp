// T5's decoder against its definition, one token at a time, and what training asks of it.
#include "model/t5_decoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "base/error.h"
#include "model/t5.h"
#include "model/weights.h"
#include "numeric_gradients.h"
#include "recording_source.h"

namespace kohort::model {
namespace {

using Sequences = std::vector<std::vector<std::int32_t>>;

T5Config small_config(bool gated, bool tied) {
    T5Config config;
    config.vocab_size = 13;
    config.d_model = 6;
    config.d_kv = 5;
    config.d_ff = 9;
    config.num_layers = 1;
    config.num_decoder_layers = 2;
    config.num_heads = 2;
    config.relative_attention_num_buckets = 8;
    config.relative_attention_max_distance = 20;
    config.gated = gated;
    config.tie_word_embeddings = tied;
    return config;
}

TensorSource random_source(torch::ScalarType type) {
    return as_leaves([=](const std::string&, torch::IntArrayRef shape) { return torch::randn(shape, type); });
}

Sequences sources() { return {{2, 5, 9, 4, 1}, {6, 1}, {2, 7, 7, 8, 11, 12, 4, 1}}; }
Sequences inputs() { return {{0, 3, 8}, {0, 12, 11, 10, 9, 7, 5, 1}, {0}}; }

class T5DecoderTest : public testing::TestWithParam<std::pair<bool, bool>> {
  protected:
    explicit T5DecoderTest(torch::ScalarType type = torch::kDouble)
        : config_(small_config(GetParam().first, GetParam().second)), decoder_((torch::manual_seed(3), config_), random_source(type)),
          encoder_(config_, random_source(type)) {}
    torch::Tensor run(const Sequences& source, const Sequences& input, DropoutSource* dropout = nullptr) const {
        const auto batch = make_batch(source, 0);
        return decoder_.forward(make_batch(input, 0), batch, encoder_.forward(batch), encoder_.word_embeddings(), dropout);
    }
    T5Config config_;
    T5Decoder decoder_;
    T5Encoder encoder_;
};

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST_P(T5DecoderTest, each_row_alone_gives_the_same) {
    const torch::NoGradGuard no_gradients;
    const auto together = run(sources(), inputs());
    std::int64_t at = 0;
    for (std::size_t row = 0; row < sources().size(); ++row) {
        const auto alone = run({sources()[row]}, {inputs()[row]});
        EXPECT_LT(largest_difference(together.slice(0, at, at + alone.size(0)), alone), 1e-10);
        at += alone.size(0);
    }
    EXPECT_EQ(at, together.size(0));
}

TEST_P(T5DecoderTest, a_token_sees_what_is_before_it_and_all_of_its_source) {
    const torch::NoGradGuard no_gradients;
    const auto first = run({{2, 5, 9, 1}}, {{0, 3, 8, 4}});
    const auto later = run({{2, 5, 9, 1}}, {{0, 3, 8, 7}}), earlier = run({{2, 5, 9, 1}}, {{0, 4, 8, 4}});
    EXPECT_LT(largest_difference(first.slice(0, 0, 3), later.slice(0, 0, 3)), 1e-10);
    EXPECT_GT(largest_difference(first[3], later[3]), 1e-3);
    EXPECT_GT(largest_difference(first[3], earlier[3]), 1e-3);
    EXPECT_GT(largest_difference(first[0], run({{2, 5, 8, 1}}, {{0, 3, 8, 4}})[0]), 1e-3);
}

TEST_P(T5DecoderTest, gradients_agree_with_finite_differences) {
    auto parameters = decoder_.parameters();
    const auto& of_encoder = encoder_.parameters();
    parameters.insert(parameters.end(), of_encoder.begin(), of_encoder.end());
    const auto targets = torch::tensor({3, 8, 1, 12, 11, 10, 9, 7, 5, 1, 2, 1}, torch::kLong);
    for (const bool drops : {false, true})
        expect_gradients_of(parameters, [&] {
            RecordingSource halves(0.0, 2.0);
            const auto hidden = run(sources(), inputs(), drops ? &halves : nullptr);
            return torch::cross_entropy_loss(decoder_.scores(hidden, encoder_.word_embeddings()), targets);
        });
}

TEST_P(T5DecoderTest, dropout_is_asked_for_at_every_site_once) {
    const torch::NoGradGuard no_gradients;
    const auto batch = make_batch(sources(), 0);
    const auto encoded = encoder_.forward(batch);
    RecordingSource ones(1.0, 1.0), halves(0.0, 2.0);
    const auto masked = decoder_.forward(make_batch(inputs(), 0), batch, encoded, encoder_.word_embeddings(), &ones);
    EXPECT_LT(largest_difference(masked, run(sources(), inputs())), 1e-10);
    const Shape wide{3, 8, 6}, inner{3, 8, 9}, square{3, 2, 8, 8}, across{3, 2, 8, 8};
    std::vector<Asked> expected{{-1, 6, wide}};
    for (int layer : {0, 1})
        for (const auto& [site, shape] : std::vector<std::pair<int, Shape>>{{7, square}, {8, wide}, {9, across}, {10, wide}, {11, inner}, {12, wide}})
            expected.emplace_back(layer, site, shape);
    expected.emplace_back(-1, 13, wide);
    EXPECT_EQ(ones.asked, expected);
    EXPECT_GT(largest_difference(run(sources(), inputs(), &halves), masked), 1e-2);
}

TEST_P(T5DecoderTest, checkpointing_computes_blocks_twice_and_changes_no_gradient) {
    std::vector<torch::Tensor> weights;
    for (const auto* parameters : {&decoder_.parameters(), &encoder_.parameters()})
        for (const auto& parameter : *parameters) weights.push_back(parameter.value);
    const auto gradients = [&](bool checkpoints, RecordingSource* dropout) {
        decoder_.checkpoint_activations(checkpoints);
        const auto hidden = run(sources(), inputs(), dropout);
        const auto loss = (hidden * torch::linspace(-1, 1, hidden.numel(), hidden.options()).view(hidden.sizes())).sum();
        return torch::autograd::grad({loss}, weights, {}, false, false, true);
    };
    RecordingSource kept_masks(0.0, 2.0), again_masks(0.0, 2.0);
    for (const bool drops : {false, true}) {
        const auto kept = gradients(false, drops ? &kept_masks : nullptr), again = gradients(true, drops ? &again_masks : nullptr);
        for (std::size_t t = 0; t < weights.size(); ++t) {
            ASSERT_EQ(kept[t].defined(), again[t].defined());
            if (kept[t].defined()) {
                EXPECT_TRUE(torch::equal(kept[t].to_dense(), again[t].to_dense()));
            }
        }
    }
    EXPECT_EQ(again_masks.asked.size(), kept_masks.asked.size() + 2 * 6);  // six sites in each of two blocks
}

TEST_P(T5DecoderTest, scores_are_of_the_embeddings_or_its_own) {
    const torch::NoGradGuard no_gradients;
    const auto hidden = torch::randn({3, 6}, torch::kDouble);
    const auto expected = config_.tie_word_embeddings ? (hidden / std::sqrt(6.0)).matmul(encoder_.word_embeddings().t())
                                                      : hidden.matmul(decoder_.parameters().back().value.t());
    EXPECT_EQ(decoder_.parameters().back().name == "lm_head.weight", !config_.tie_word_embeddings);
    EXPECT_LT(largest_difference(decoder_.scores(hidden, encoder_.word_embeddings()), expected), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Kinds, T5DecoderTest, testing::Values(std::pair(false, true), std::pair(true, false)),
                         [](const auto& kind) { return kind.param.first ? "gated_untied" : "plain_tied"; });

// One bucket at a time, as Hugging Face's _relative_position_bucket says it; nothing where float32 decides the rounding.
std::optional<std::int64_t> bucket_of(std::int64_t distance, std::int64_t buckets, double furthest, bool both_ways) {
    std::int64_t base = 0;
    if (both_ways) {
        buckets /= 2;
        if (distance > 0) base = buckets;
        distance = std::abs(distance);
    } else {
        distance = std::max<std::int64_t>(-distance, 0);
    }
    const std::int64_t single = buckets / 2;
    if (distance < single) return base + distance;
    const double ratio = static_cast<double>(distance) / static_cast<double>(single);
    const double place = std::log(ratio) / std::log(furthest / static_cast<double>(single)) * static_cast<double>(buckets - single);
    if (std::abs(place - std::round(place)) < 1e-4) return std::nullopt;
    return base + std::min(single + static_cast<std::int64_t>(place), buckets - 1);
}

TEST(T5PositionBias, follows_the_buckets_of_either_kind) {
    const torch::NoGradGuard no_gradients;
    auto config = small_config(false, true);
    config.relative_attention_num_buckets = 32;
    config.relative_attention_max_distance = 128;
    const auto table = torch::randn({32, 2});
    for (const bool both_ways : {true, false}) {
        const auto bias = t5_position_bias(table, config, 150, both_ways);
        ASSERT_EQ(bias.sizes().vec(), (Shape{1, 2, 150, 150}));
        for (std::int64_t i = 0; i < 150; i += 7)
            for (std::int64_t j = 0; j < 150; ++j)
                if (const auto bucket = bucket_of(j - i, 32, 128, both_ways)) {
                    ASSERT_EQ(bias[0][1][i][j].item<float>(), table[*bucket][1].item<float>())
                        << i << " to " << j << (both_ways ? " both ways" : "");
                }
    }
}

TEST(T5PositionBias, is_the_same_by_distance) {
    const torch::NoGradGuard no_gradients;
    const auto config = small_config(false, true);
    const auto table = torch::randn({config.relative_attention_num_buckets, 2});
    for (const std::int64_t longest : {1, 2, 17, 300}) {
        const auto bias = t5_position_bias(table, config, longest, true), by_distance = t5_distance_bias(table, config, longest);
        for (std::int64_t i = 0; i < longest; i += 5)
            EXPECT_TRUE(bias[0].select(1, i).equal(by_distance.slice(1, longest - 1 - i, 2 * longest - 1 - i))) << i << " of " << longest;
    }
}

TEST(T5DecoderConfig, numbers_that_make_no_decoder_are_refused) {
    const auto refused = [](auto change) {
        auto config = small_config(false, true);
        change(config);
        EXPECT_THROW(T5Decoder(config, random_source(torch::kFloat)), base::Error);
    };
    refused([](T5Config& c) { c.num_decoder_layers = 0; });
    refused([](T5Config& c) { c.relative_attention_max_distance = 4; });
    refused([](T5Config& c) { c.decoder_start_token_id = 13; });
    refused([](T5Config& c) { c.eos_token_id = -1; });
}

}  // namespace
}  // namespace kohort::model
