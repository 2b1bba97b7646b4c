#include "encode/text_encoder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "small_encoder.h"

namespace kohort::encode {
namespace {

const std::vector<std::string_view> some_texts{"a", "hello world", "", "hello", "one two three four five six seven eight",
                                               "\xE2\x80\x8B", "abc abc abc"};

TextEncoderOptions options_of(std::int64_t max_tokens = 16) {
    TextEncoderOptions options;
    options.max_tokens = max_tokens;
    return options;
}

TEST(TextEncoder, gives_what_each_text_gives_alone) {
    const auto bert = small_bert();
    const auto tokenizer = small_tokenizer();
    for (const Pooling pooling : {Pooling::mean, Pooling::cls}) {
        auto options = options_of();
        options.pooling = pooling;
        options.batch_tokens = 40;  // several batches
        const auto encoded = TextEncoder(bert, tokenizer.get(), options).encode(some_texts);
        std::int64_t tokens = 0;
        for (std::size_t i = 0; i < some_texts.size(); ++i) {
            const auto ids = tokenizer->encode_for_model(some_texts[i], 16);
            EXPECT_EQ(encoded.has_tokens[i] != 0, ids.size() > 2) << i;
            std::vector<double> expected(32, 0.0);
            if (ids.size() > 2) {
                tokens += static_cast<std::int64_t>(ids.size());
                const torch::NoGradGuard no_gradients;
                const auto hidden = bert.forward(model::make_batch({ids}, 0))[0].to(torch::kDouble);
                auto pooled = pooling == Pooling::cls ? hidden[0] : hidden.mean(0);
                pooled = pooled / pooled.norm();
                for (std::int64_t j = 0; j < 32; ++j) expected[static_cast<std::size_t>(j)] = pooled[j].item<double>();
            }
            for (std::size_t j = 0; j < 32; ++j) EXPECT_NEAR(encoded.vectors[i * 32 + j], expected[j], 2e-5) << i;
        }
        EXPECT_EQ(encoded.tokens, tokens);
    }
}

TEST(TextEncoder, cuts_a_text_at_max_tokens) {
    const auto bert = small_bert();
    const auto tokenizer = small_tokenizer();
    const std::vector<std::string_view> longer{"a b c d e f"}, shorter{"a b c"};
    const TextEncoder encoder(bert, tokenizer.get(), options_of(5));
    EXPECT_EQ(encoder.encode(longer).vectors, encoder.encode(shorter).vectors);
}

TEST(TextEncoder, brain_floats_keep_the_direction) {
    const auto bert = small_bert();
    const auto tokenizer = small_tokenizer();
    auto options = options_of();
    const auto exact = TextEncoder(bert, tokenizer.get(), options).encode(some_texts);
    options.precision = model::Precision::bf16;
    const auto coarse = TextEncoder(bert, tokenizer.get(), options).encode(some_texts);
    for (std::size_t i = 0; i < some_texts.size(); ++i) {
        if (!exact.has_tokens[i]) continue;
        double cosine = 0;
        for (std::size_t j = 0; j < 32; ++j) cosine += static_cast<double>(exact.vectors[i * 32 + j]) * coarse.vectors[i * 32 + j];
        EXPECT_GE(cosine, 0.999) << i;
    }
}

TEST(TextEncoder, refuses_options_that_do_not_fit_the_model) {
    const auto bert = small_bert();
    const auto tokenizer = small_tokenizer();
    EXPECT_THROW(TextEncoder(bert, tokenizer.get(), options_of(25)), base::Error);  // 24 positions
    EXPECT_THROW(TextEncoder(bert, tokenizer.get(), options_of(2)), base::Error);   // [CLS] [SEP] only
    auto config = bert.config();
    config.vocab_size = 20;
    EXPECT_THROW(TextEncoder(model::Bert(config, model::random_weights(config, 1)), tokenizer.get(), options_of()), base::Error);
    EXPECT_THROW(parse_pooling("max"), base::Error);
}

TEST(TextEncoder, weights_that_are_not_finite_are_an_error) {
    const auto bert = small_bert();
    bert.word_embeddings().fill_(std::nanf(""));
    const auto tokenizer = small_tokenizer();
    EXPECT_THROW(TextEncoder(bert, tokenizer.get(), options_of()).encode(some_texts), base::Error);
}

}  // namespace
}  // namespace kohort::encode
