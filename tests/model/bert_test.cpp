// BERT's hidden states against rows that plain PyTorch computed (the shared oracle), and against each other.
#include "model/bert.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/mlm_head.h"
#include "model/pretrained.h"
#include "model/weights.h"
#include "shared_data.h"

namespace kohort::model {
namespace {

using Sequences = std::vector<std::vector<std::int32_t>>;

constexpr double tolerance = 2e-5;

ModelConfig small_config() {
    ModelConfig config;
    config.vocab_size = 50;
    config.hidden_size = 24;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 3;
    config.intermediate_size = 40;
    config.max_position_embeddings = 32;
    config.initializer_range = 0.3;
    return config;
}

Bert small_bert(std::uint64_t seed = 1) { return Bert(small_config(), random_weights(small_config(), seed)); }

Sequences some_sequences() { return {{2, 5, 9, 3}, {2, 3}, {2, 7, 7, 8, 21, 22, 23, 24, 3}, {2, 49, 3}}; }

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

struct Oracle {
    std::shared_ptr<Encoder> bert;
    Sequences ids;
    std::vector<nlohmann::json> expected;
};

// Nothing where the shared folder is missing.
std::optional<Oracle> read_oracle() {
    const auto folder = shared_folder() / "oracles" / "bert_random";
    if (!std::filesystem::exists(folder)) return std::nullopt;
    Oracle oracle{load_encoder(folder), {}, {}};
    std::ifstream lines(folder / "expected.jsonl");
    for (std::string line; std::getline(lines, line);) {
        oracle.expected.push_back(nlohmann::json::parse(line));
        oracle.ids.push_back(oracle.expected.back()["ids"]);
    }
    return oracle;
}

// hidden [T, H] and the pooled mean [H] of one sequence against its line of the oracle.
void expect_row(const nlohmann::json& expected, const torch::Tensor& hidden, const torch::Tensor& mean) {
    const auto difference = [](const nlohmann::json& row, const torch::Tensor& tensor) {
        return largest_difference(torch::tensor(row.get<std::vector<double>>()), tensor.to(torch::kDouble));
    };
    for (std::size_t i = 0; i < expected["rows"].size(); ++i)
        EXPECT_LT(difference(expected["hidden"][i], hidden[expected["rows"][i].get<std::int64_t>()]), tolerance);
    EXPECT_LT(difference(expected["mean"], mean), tolerance);
}

class BertOracle : public testing::Test {
  protected:
    void SetUp() override {
        oracle_ = read_oracle();
        if (!oracle_) GTEST_SKIP() << "no shared oracles: set KOHORT_SHARED";
    }
    std::optional<Oracle> oracle_;
};

TEST_F(BertOracle, every_sequence_alone_gives_the_expected_rows) {
    const torch::NoGradGuard no_gradients;
    ASSERT_EQ(oracle_->ids.size(), 6u);
    for (std::size_t i = 0; i < oracle_->ids.size(); ++i) {
        const auto batch = make_batch({oracle_->ids[i]}, 0);
        const auto hidden = oracle_->bert->forward(batch);
        expect_row(oracle_->expected[i], hidden[0], mean_pool(hidden, batch.lengths)[0]);
    }
}

TEST_F(BertOracle, all_sequences_in_one_padded_batch_give_the_expected_rows) {
    const torch::NoGradGuard no_gradients;
    const auto batch = make_batch(oracle_->ids, 0);
    const auto hidden = oracle_->bert->forward(batch), mean = mean_pool(hidden, batch.lengths);
    for (std::size_t i = 0; i < oracle_->ids.size(); ++i)
        expect_row(oracle_->expected[i], hidden[static_cast<std::int64_t>(i)], mean[static_cast<std::int64_t>(i)]);
}

TEST_F(BertOracle, the_path_of_training_gives_the_expected_rows) {  // gradients on: no fused attention
    for (const auto& parameter : oracle_->bert->parameters()) parameter.value.requires_grad_(true);
    const auto batch = make_batch(oracle_->ids, 0);
    const auto hidden = oracle_->bert->forward(batch).detach(), mean = mean_pool(hidden, batch.lengths);
    for (std::size_t i = 0; i < oracle_->ids.size(); ++i)
        expect_row(oracle_->expected[i], hidden[static_cast<std::int64_t>(i)], mean[static_cast<std::int64_t>(i)]);
}

TEST_F(BertOracle, brain_floats_keep_the_direction_of_the_vectors) {
    const torch::NoGradGuard no_gradients;
    const auto batch = make_batch(oracle_->ids, 0);
    const auto exact = mean_pool(oracle_->bert->forward(batch), batch.lengths);
    const auto coarse = mean_pool(oracle_->bert->with_weights(copied_weights(oracle_->bert->parameters(), torch::kCPU, torch::kBFloat16))->forward(batch), batch.lengths);
    EXPECT_GE(torch::cosine_similarity(exact, coarse, 1).min().item<double>(), 0.999);
}

TEST_F(BertOracle, saving_and_loading_gives_the_same_bytes_and_vectors) {
    const torch::NoGradGuard no_gradients;
    TemporaryFolder folder;
    const auto first = save_model(folder.path() / "1", *oracle_->bert);
    const auto again = load_encoder(folder.path() / "1");
    const auto second = save_model(folder.path() / "2", *again);
    ASSERT_EQ(first.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(first[i].sha256, second[i].sha256) << first[i].name;
    EXPECT_EQ(again->config_json(), oracle_->bert->config_json());
    const auto batch = make_batch(oracle_->ids, 0);
    EXPECT_TRUE(torch::equal(oracle_->bert->forward(batch), again->forward(batch)));
}

TEST(Bert, padded_and_alone_agree) {
    const torch::NoGradGuard no_gradients;
    const auto bert = small_bert();
    const auto sequences = some_sequences();
    const auto together = bert.forward(make_batch(sequences, 0));
    for (std::size_t i = 0; i < sequences.size(); ++i) {
        const auto alone = bert.forward(make_batch({sequences[i]}, 0))[0];
        EXPECT_LT(largest_difference(together[static_cast<std::int64_t>(i)].narrow(0, 0, alone.size(0)), alone), tolerance);
    }
}

TEST(Bert, what_lies_in_the_padding_changes_no_bit) {
    const torch::NoGradGuard no_gradients;
    const auto bert = small_bert();
    EXPECT_TRUE(torch::equal(bert.forward(make_batch(some_sequences(), 0)), bert.forward(make_batch(some_sequences(), 31))));
}

TEST(Bert, rows_behind_a_sequence_are_zero) {
    const torch::NoGradGuard no_gradients;
    const auto hidden = small_bert().forward(make_batch(some_sequences(), 0));
    EXPECT_EQ(hidden[1].narrow(0, 2, 7).abs().max().item<float>(), 0.0f);
    EXPECT_GT(hidden[1].narrow(0, 0, 2).abs().max().item<float>(), 0.0f);
}

TEST(Bert, cls_pooling_takes_the_first_token) {
    const torch::NoGradGuard no_gradients;
    const auto hidden = small_bert().forward(make_batch(some_sequences(), 0));
    EXPECT_TRUE(torch::equal(cls_pool(hidden)[2], hidden[2][0]));
}

TEST(Bert, gradients_agree_with_finite_differences) {
    const auto single = small_bert();
    const Bert bert(single.config(), copied_weights(single.parameters(), torch::kCPU, torch::kDouble));
    const auto batch = make_batch(some_sequences(), 0);
    const auto loss = [&] { return bert.forward(batch).pow(2).mul(torch::arange(24, torch::kDouble)).mean(); };
    std::vector<torch::Tensor> weights;
    for (const auto& parameter : bert.parameters()) weights.push_back(parameter.value.requires_grad_(true));
    const auto gradients = torch::autograd::grad({loss()}, weights);
    const torch::NoGradGuard no_gradients;
    constexpr double step = 1e-6;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const std::int64_t element = weights[i].numel() / 3;  // inside the vocabulary's used rows or not, both count
        auto flat = weights[i].view({-1});
        const double original = flat[element].item<double>();
        flat[element] = original + step;
        const double above = loss().item<double>();
        flat[element] = original - step;
        const double below = loss().item<double>();
        flat[element] = original;
        EXPECT_NEAR((above - below) / (2 * step), gradients[i].to_dense().view({-1})[element].item<double>(), 1e-5)
            << bert.parameters()[i].name;
    }
}

// Records what it is asked for; masks of all ones change nothing.
class RecordingSource : public DropoutSource {
  public:
    explicit RecordingSource(double factor) : factor_(factor) {}
    torch::Tensor scaled_mask(int layer, DropoutSite site, torch::IntArrayRef shape) override {
        asked.emplace_back(layer, static_cast<int>(site), shape.vec());
        return torch::full(shape, factor_);
    }
    std::vector<std::tuple<int, int, std::vector<std::int64_t>>> asked;

  private:
    double factor_;
};

TEST(Bert, dropout_is_asked_for_at_every_site_once) {
    const torch::NoGradGuard no_gradients;
    const auto bert = small_bert();
    RecordingSource ones(1.0);
    const auto batch = make_batch(some_sequences(), 0);
    EXPECT_LT(largest_difference(bert.forward(batch, &ones), bert.forward(batch)), tolerance);
    const std::vector<std::int64_t> wide{4, 9, 24}, square{4, 3, 9, 9};
    const std::vector<std::tuple<int, int, std::vector<std::int64_t>>> expected{
        {-1, 0, wide}, {0, 1, square}, {0, 2, wide}, {0, 3, wide},
        {1, 1, square}, {1, 2, wide}, {1, 3, wide}};
    EXPECT_EQ(ones.asked, expected);
    RecordingSource zeros(0.0);
    EXPECT_GT(largest_difference(bert.forward(batch, &zeros), bert.forward(batch)), 0.1);
}

TEST(Bert, a_sequence_longer_than_the_model_or_of_no_tokens_is_refused) {
    const auto bert = small_bert();
    EXPECT_THROW(bert.forward(make_batch({std::vector<std::int32_t>(33, 5)}, 0)), base::Error);
    EXPECT_THROW(bert.forward(make_batch({{2, 3}, {}}, 0)), base::Error);
}

TEST(RandomWeights, follow_the_seed_and_the_name_only) {
    const auto one = small_bert(1), same = small_bert(1), other = small_bert(2);
    ModelConfig deeper_config = small_config();
    deeper_config.num_hidden_layers = 4;
    const Bert deeper(deeper_config, random_weights(deeper_config, 1));
    for (std::size_t i = 0; i < one.parameters().size(); ++i) {
        EXPECT_TRUE(torch::equal(one.parameters()[i].value, same.parameters()[i].value));
        EXPECT_TRUE(torch::equal(one.parameters()[i].value, deeper.parameters()[i].value));
    }
    EXPECT_FALSE(torch::equal(one.word_embeddings(), other.word_embeddings()));
    EXPECT_EQ(one.word_embeddings()[0].abs().max().item<float>(), 0.0f);  // the padding token
    const auto& query = one.parameters()[5], & key = one.parameters()[7];
    ASSERT_EQ(query.name, "encoder.layer.0.attention.self.query.weight");
    ASSERT_EQ(key.name, "encoder.layer.0.attention.self.key.weight");
    EXPECT_FALSE(torch::equal(query.value, key.value));
    EXPECT_NEAR(one.word_embeddings().narrow(0, 1, 49).std().item<double>(), 0.3, 0.02);
}

TEST(MlmHead, scores_as_its_definition_says) {
    const torch::NoGradGuard no_gradients;
    const auto config = small_config();
    const MlmHead head(config, random_weights(config, 3));
    const auto bert = small_bert();
    const auto hidden = bert.forward(make_batch(some_sequences(), 0))[2];
    const auto logits = head.forward(hidden, bert.word_embeddings());
    ASSERT_EQ(logits.sizes().vec(), (std::vector<std::int64_t>{9, 50}));
    const auto& p = head.parameters();
    ASSERT_EQ(p.size(), 5u);
    EXPECT_EQ(p[4].name, "cls.predictions.bias");
    auto t = hidden.matmul(p[0].value.t()) + p[1].value;
    t = 0.5 * t * (1 + torch::erf(t / std::sqrt(2.0)));
    t = (t - t.mean(1, true)) / torch::sqrt(t.var(1, false, true) + 1e-12) * p[2].value + p[3].value;
    EXPECT_LT(largest_difference(logits, t.matmul(bert.word_embeddings().t()) + p[4].value), tolerance);
}

}  // namespace
}  // namespace kohort::model
