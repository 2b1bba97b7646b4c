#include "encode/text_encoder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "small_encoder.h"

namespace kohort::encode {
namespace {

const std::vector<std::string_view> some_texts{
    "a", "hello world", "", "hello", "one two three four five six seven eight", "\xE2\x80\x8B", "abc abc abc"};

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

TEST(TextEncoder, counts_texts_that_were_cut) {
    const auto bert = small_bert();
    const auto tokenizer = small_tokenizer();
    const std::vector<std::string_view> texts{"a b c d e", "a b c", "a b c d", ""};
    EXPECT_EQ(TextEncoder(bert, tokenizer.get(), options_of(5)).encode(texts).long_texts, 2);
    EXPECT_EQ(TextEncoder(bert, tokenizer.get(), options_of(7)).encode(texts).long_texts, 0);
    const std::vector<std::vector<std::int32_t>> ids{{5, 6, 7, 8, 9, 10}, {5}, {5, 6, 7, 8, 9}};
    EXPECT_EQ(TextEncoder(bert, nullptr, options_of(5)).encode_ids(ids).long_texts, 1);
}

// The definition, by plain PyTorch: windows of the tokens, each alone through the model, the mean over all their tokens
// (mean pooling), or of their first tokens by length (cls).
TEST(TextEncoder, a_long_text_is_the_mean_of_its_windows_by_tokens) {
    const auto bert = small_bert();
    const auto tokenizer = small_tokenizer();
    const std::vector<std::string_view> texts{"a b c d e f g h i j k l m", "a b", "",
                                              "z y x w v u t s r q p o n m l k j i h g f e d c b a", "hello"};
    for (const Pooling pooling : {Pooling::mean, Pooling::cls})
        for (const std::int64_t overlap : {0, 1, 4}) {
            auto options = options_of(8);
            options.pooling = pooling;
            options.long_texts = LongTexts::windows;
            options.window_overlap = overlap;
            options.batch_tokens = 30;
            const auto encoded = TextEncoder(bert, tokenizer.get(), options).encode(texts);
            options.unit = false;
            const auto plain = TextEncoder(bert, tokenizer.get(), options).encode(texts);
            EXPECT_EQ(encoded.long_texts, 2);
            const torch::NoGradGuard no_gradients;
            for (std::size_t i = 0; i < texts.size(); ++i) {
                std::vector<std::int32_t> ids;
                tokenizer->encode(texts[i], ids);
                auto sum = torch::zeros({32}, torch::kDouble);
                double weights = 0;
                for (std::size_t first = 0; first < ids.size(); first += 6 - static_cast<std::size_t>(overlap)) {
                    const std::size_t last = std::min(ids.size(), first + 6);
                    std::vector<std::int32_t> window{tokenizer->special().classify};
                    window.insert(window.end(), ids.begin() + static_cast<std::ptrdiff_t>(first),
                                  ids.begin() + static_cast<std::ptrdiff_t>(last));
                    window.push_back(tokenizer->special().separate);
                    const auto hidden = bert.forward(model::make_batch({window}, 0))[0].to(torch::kDouble);
                    const auto length = static_cast<double>(window.size());
                    sum += pooling == Pooling::mean ? hidden.sum(0) : hidden[0] * length;
                    weights += length;
                    if (last == ids.size()) break;
                }
                if (weights > 0) sum /= weights;
                const double norm = weights > 0 ? sum.norm().item<double>() : 1;
                for (std::size_t j = 0; j < 32; ++j) {
                    const double expected = sum[static_cast<std::int64_t>(j)].item<double>();
                    ASSERT_NEAR(plain.vectors[i * 32 + j], expected, 2e-5) << i << " overlap " << overlap;
                    ASSERT_NEAR(encoded.vectors[i * 32 + j], expected / norm, 2e-5) << i << " overlap " << overlap;
                }
            }
        }
}

TEST(TextEncoder, texts_that_fit_are_the_same_bytes_cut_or_in_windows) {
    const auto bert = small_bert();
    const auto tokenizer = small_tokenizer();
    auto options = options_of(24);
    const auto cut = TextEncoder(bert, tokenizer.get(), options).encode(some_texts);
    EXPECT_EQ(cut.long_texts, 1);
    const std::vector<std::string_view> short_texts(some_texts.begin(), some_texts.begin() + 4);
    options.long_texts = LongTexts::windows;
    const auto windows = TextEncoder(bert, tokenizer.get(), options).encode(short_texts);
    options.long_texts = LongTexts::cut;
    EXPECT_EQ(windows.vectors, TextEncoder(bert, tokenizer.get(), options).encode(short_texts).vectors);
}

TEST(TextEncoder, windows_that_would_have_nothing_of_their_own_are_refused) {
    const auto bert = small_bert();
    const auto tokenizer = small_tokenizer();
    auto options = options_of(8);
    options.long_texts = LongTexts::windows;
    for (const std::int64_t overlap : {-1, 6, 7, 100}) {
        options.window_overlap = overlap;
        EXPECT_THROW(TextEncoder(bert, tokenizer.get(), options), base::Error) << overlap;
    }
    options.window_overlap = 5;
    EXPECT_NO_THROW(TextEncoder(bert, tokenizer.get(), options));
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
        for (std::size_t j = 0; j < 32; ++j)
            cosine += static_cast<double>(exact.vectors[i * 32 + j]) * coarse.vectors[i * 32 + j];
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
    EXPECT_THROW(TextEncoder(model::Bert(config, model::random_weights(config, 1)), tokenizer.get(), options_of()),
                 base::Error);
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
