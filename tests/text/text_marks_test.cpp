// What closes a text and what stands for hidden spans, in vocabularies of every kind.
#include "text/text_marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/wordpiece.h"

namespace kohort::text {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class NamedTokens : public Tokenizer {
  public:
    NamedTokens(std::vector<std::string> tokens, TokenId separate) : tokens_(std::move(tokens)) { special_.separate = separate; }
    void encode(std::string_view, std::vector<TokenId>&) const override {}
    std::int64_t vocabulary_size() const override { return std::ssize(tokens_); }
    const std::string& token(TokenId id) const override { return tokens_[static_cast<std::size_t>(id)]; }
    const SpecialTokens& special() const override { return special_; }
    std::vector<TokenId> encode_for_model(std::string_view, std::int64_t) const override { return {}; }

  private:
    std::vector<std::string> tokens_;
    SpecialTokens special_;
};

TEST(TextMarks, of_a_t5_are_its_end_and_its_sentinels_in_order) {
    const auto marks = find_text_marks(NamedTokens({"<pad>", "</s>", "a", "<extra_id_2>", "<extra_id_1>", "<extra_id_0>"}, 1));
    EXPECT_EQ(marks.end_of_text, 1);
    EXPECT_THAT(marks.sentinels, ElementsAre(5, 4, 3));
}

TEST(TextMarks, of_an_mt5_may_begin_a_word) {
    EXPECT_THAT(find_text_marks(NamedTokens({"a", "▁<extra_id_1>", "▁<extra_id_0>"}, -1)).sentinels, ElementsAre(2, 1));
}

TEST(TextMarks, of_a_gpt2_are_its_end) {
    const auto marks = find_text_marks(NamedTokens({"a", "b", "<|endoftext|>"}, -1));
    EXPECT_EQ(marks.end_of_text, 2);
    EXPECT_THAT(marks.sentinels, IsEmpty());
    EXPECT_EQ(find_text_marks(NamedTokens({"a", "</s>", "<|endoftext|>"}, 1)).end_of_text, 1);
    EXPECT_EQ(find_text_marks(NamedTokens({"a"}, -1)).end_of_text, -1);
}

TEST(TextMarks, end_at_the_first_sentinel_that_is_missing_and_are_no_words_like_them) {
    const auto sentinels = [](std::vector<std::string> tokens) { return find_text_marks(NamedTokens(std::move(tokens), -1)).sentinels; };
    EXPECT_THAT(sentinels({"<extra_id_0>", "<extra_id_2>"}), ElementsAre(0));
    EXPECT_THAT(sentinels({"<extra_id_1>"}), IsEmpty());
    EXPECT_THAT(sentinels({"<extra_id_>", "<extra_id_0x>", "<extra_id_0", "extra_id_0>", "<extra_id_-0>x"}), IsEmpty());
}

TEST(TextMarks, are_added_as_t5_has_them_and_no_text_makes_one) {
    const auto tokens = with_sentinels({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "<", ">", "##0", "extra"}, 3);
    EXPECT_THAT(std::vector(tokens.end() - 3, tokens.end()), ElementsAre("<extra_id_2>", "<extra_id_1>", "<extra_id_0>"));
    const WordPiece tokenizer(bert_settings(Vocabulary(tokens), {}));
    EXPECT_THAT(find_text_marks(tokenizer).sentinels, ElementsAre(10, 9, 8));
    std::vector<TokenId> ids;
    tokenizer.encode("<extra_id_0> <extra_id_1>", ids);
    EXPECT_THAT(ids, testing::Each(testing::Lt(8)));
}

}  // namespace
}  // namespace kohort::text
