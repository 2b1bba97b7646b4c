// RoBERTa is BERT with other numbers for the positions: it is compared with BERT, whose rows the shared oracle has.
// (tools/transformers_check.sh compares it with transformers.)
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/bert.h"

namespace kohort::model {
namespace {

constexpr std::int64_t padding = 2, positions = 12;

ModelConfig config_of(const std::string& type, std::int64_t position_count) {
    ModelConfig config;
    config.model_type = type;
    config.vocab_size = 20;
    config.hidden_size = 8;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 2;
    config.intermediate_size = 10;
    config.max_position_embeddings = position_count;
    config.type_vocab_size = 1;
    config.pad_token_id = padding;
    return config;
}

class Roberta : public testing::Test {
  protected:
    Roberta()
        : roberta_(config_of("roberta", positions),
                   [&](const std::string& name, torch::IntArrayRef shape) { return weight(name, shape); }) {}

    torch::Tensor weight(const std::string& name, torch::IntArrayRef shape) {
        const auto known = weights_.find(name);
        if (known != weights_.end()) return known->second;
        return weights_.emplace(name, torch::randn(shape)).first->second;
    }
    // A BERT with RoBERTa's weights that finds these rows of its position embeddings at 0, 1, 2, …
    Bert bert(const std::vector<std::int64_t>& rows) {
        return Bert(
            config_of("bert", static_cast<std::int64_t>(rows.size())), [&](const std::string& name, torch::IntArrayRef shape) {
                const auto whole = weight(name, shape);
                return name == "embeddings.position_embeddings.weight" ? whole.index_select(0, torch::tensor(rows)) : whole;
            });
    }

    const torch::NoGradGuard no_gradients_;
    std::map<std::string, torch::Tensor> weights_;
    Bert roberta_;
};

TEST_F(Roberta, counts_positions_from_behind_the_padding) {
    const auto same = bert({3, 4, 5, 6, 7, 8, 9, 10, 11});
    EXPECT_EQ(roberta_.sizes().longest, 9);
    const auto batch = make_batch({{0, 4, 9, 1, 5, 6, 7, 19, 1}, {0, 1}, {0, 17, 18, 1}}, padding);
    EXPECT_TRUE(torch::equal(roberta_.forward(batch), same.forward(batch)));
    const auto full = make_batch({{0, 4, 9, 1}, {3, 4, 5, 6}}, padding);
    EXPECT_TRUE(torch::equal(roberta_.forward(full), same.forward(full)));
}

TEST_F(Roberta, a_padding_token_inside_a_text_is_not_counted) {
    const auto batch = make_batch({{0, 4, padding, 9, padding, 1}}, padding);
    EXPECT_TRUE(torch::equal(roberta_.forward(batch), bert({3, 4, 2, 5, 2, 6}).forward(batch)));
}

TEST_F(Roberta, what_lies_in_the_padding_changes_no_bit) {
    const std::vector<std::vector<std::int32_t>> sequences{{0, 4, 9, 1, 5, 6, 7, 19, 1}, {0, 1}};
    EXPECT_TRUE(torch::equal(roberta_.forward(make_batch(sequences, padding)), roberta_.forward(make_batch(sequences, 5))));
}

TEST_F(Roberta, a_sequence_beyond_the_positions_is_refused) {
    EXPECT_NO_THROW(roberta_.forward(make_batch({std::vector<std::int32_t>(9, 4)}, padding)));
    EXPECT_THROW(roberta_.forward(make_batch({std::vector<std::int32_t>(10, 4)}, padding)), base::Error);
}

}  // namespace
}  // namespace kohort::model
