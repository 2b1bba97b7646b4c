#include "text/wordpiece.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "shared_data.h"
#include "text/tokenizer.h"

namespace kohort::text {
namespace {

void agree_with_oracle(const std::filesystem::path& vocabulary, const std::filesystem::path& oracle) {
    const auto tokenizer = load_tokenizer(vocabulary);
    std::ifstream lines(oracle);
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        const auto expected = nlohmann::json::parse(line);
        const std::string text = expected.at("text");
        ASSERT_EQ(tokenizer->encode_for_model(text, 1 << 30), expected.at("ids").get<std::vector<TokenId>>()) << text;
    }
    EXPECT_GT(count, 1000);
}

TEST(WordPiece, gives_hugging_faces_ids_on_chinese) {
    KOHORT_NEED_SHARED(vocabulary, "data/vocab_bert_base_chinese");
    KOHORT_NEED_SHARED(oracle, "oracles/tokenizer/bert-base-chinese.jsonl");
    agree_with_oracle(vocabulary, oracle);
}

TEST(WordPiece, gives_hugging_faces_ids_on_english) {
    KOHORT_NEED_SHARED(vocabulary, "data/vocab_bert_base_uncased");
    KOHORT_NEED_SHARED(oracle, "oracles/tokenizer/bert-base-uncased.jsonl");
    agree_with_oracle(vocabulary, oracle);
}

}  // namespace
}  // namespace kohort::text
