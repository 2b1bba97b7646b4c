// Words of several tokens are found in Chinese and in scripts with spaces, also where a tokenizer cuts words otherwise.
#include "train/word_starts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "text/text_normalizer.h"
#include "text/unigram_tokenizer.h"
#include "text/wordpiece.h"

namespace kohort::train {
namespace {

text::WordPiece chinese_wordpiece() {
    std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "play", "##ing", "##ed", "手", "机", "我", "爱", "北", "京",
                                    "天", "安", "门", "，", "3", ".", "5", "か", "##か", "##き"};
    return text::WordPiece(text::bert_settings(text::Vocabulary(tokens), {}));
}

std::vector<bool> goes_on(const text::Tokenizer& tokenizer, std::string_view text) {
    std::vector<text::TokenId> ids;
    tokenizer.encode(text, ids);
    const auto result = WordStarts(tokenizer).goes_on(text, ids);
    EXPECT_EQ(result.size(), ids.size()) << text;
    return result;
}

TEST(WordStarts, finds_chinese_words_of_several_characters) {
    EXPECT_THAT(goes_on(chinese_wordpiece(), "我爱北京天安门"), testing::ElementsAre(false, false, false, true, false, true, true));
    EXPECT_THAT(goes_on(chinese_wordpiece(), "手机，手机"), testing::ElementsAre(false, true, false, false, true));
}

TEST(WordStarts, takes_a_words_pieces_together_and_signs_alone) {
    EXPECT_THAT(goes_on(chinese_wordpiece(), "playing  played"), testing::ElementsAre(false, true, false, true));
    EXPECT_THAT(goes_on(chinese_wordpiece(), "，，手机3.5"), testing::ElementsAre(false, false, false, true, false, true, true));
    EXPECT_THAT(goes_on(chinese_wordpiece(), ""), testing::ElementsAre());
}

// ICU may cut a run of kana that BERT takes as one word: the pieces of each part would then be others.
TEST(WordStarts, goes_by_the_marks_of_pieces_where_a_tokenizer_cuts_otherwise) {
    class Odd : public text::Tokenizer {
      public:
        explicit Odd(const text::WordPiece& inner) : inner_(inner) {}
        void encode(std::string_view utf8, std::vector<text::TokenId>& ids) const override {
            // The first token differs where a text is a part of the whole.
            inner_.encode(utf8, ids);
            if (utf8.size() < 9) ids.push_back(1);
        }
        std::int64_t vocabulary_size() const override { return inner_.vocabulary_size(); }
        const std::string& token(text::TokenId id) const override { return inner_.token(id); }
        const text::SpecialTokens& special() const override { return inner_.special(); }
        std::vector<text::TokenId> encode_for_model(std::string_view utf8, std::int64_t most) const override { return inner_.encode_for_model(utf8, most); }

      private:
        const text::WordPiece& inner_;
    };
    const auto inner = chinese_wordpiece();
    EXPECT_THAT(goes_on(Odd(inner), "playing 手机"), testing::ElementsAre(false, true, false, false));
}

// Pieces by table: what SentencePiece and byte-level BPE give.
class TableTokenizer : public text::Tokenizer {
  public:
    TableTokenizer(std::vector<std::string> tokens, std::map<std::string, std::vector<text::TokenId>, std::less<>> table)
        : tokens_(std::move(tokens)), table_(std::move(table)) {}
    void encode(std::string_view utf8, std::vector<text::TokenId>& ids) const override {
        const auto found = table_.find(utf8);
        if (found != table_.end()) ids.insert(ids.end(), found->second.begin(), found->second.end());
    }
    std::int64_t vocabulary_size() const override { return std::ssize(tokens_); }
    const std::string& token(text::TokenId id) const override { return tokens_.at(static_cast<std::size_t>(id)); }
    const text::SpecialTokens& special() const override { return special_; }
    std::vector<text::TokenId> encode_for_model(std::string_view, std::int64_t) const override { return {}; }

  private:
    std::vector<std::string> tokens_;
    std::map<std::string, std::vector<text::TokenId>, std::less<>> table_;
    text::SpecialTokens special_;
};

TEST(WordStarts, knows_the_marks_of_sentencepiece_and_byte_level_bpe) {
    for (const std::string mark : {"▁", "Ġ"}) {
        const TableTokenizer tokenizer({mark + "new", mark + "est", "er", "!"}, {{"newer newest!", {0, 2, 0, 1, 2, 3}}});
        EXPECT_THAT(goes_on(tokenizer, "newer newest!"), testing::ElementsAre(false, true, false, false, true, true)) << mark;
    }
}

TEST(WordStarts, a_run_without_spaces_is_no_word) {
    const std::vector<text::TokenId> run(11, 1), ten(10, 1);
    const TableTokenizer tokenizer({"▁a", "b"}, {{"a long run", run}, {"a run of ten", ten}});  // no word by itself
    EXPECT_THAT(goes_on(tokenizer, "a long run"), testing::Each(false));
    EXPECT_THAT(goes_on(tokenizer, "a run of ten"), testing::Contains(true).Times(9));
}

// A unigram vocabulary marks no beginnings, and its pieces need not keep to ICU's words.
TEST(WordStarts, counts_out_what_unmarked_pieces_spell) {
    text::UnigramSettings settings;
    for (const char* piece : {"[UNK]", "爱", "北", "京", "天", "安", "门", "爱北", "安门", "手机", "play", "ing", "A", "B", ","}) settings.pieces.emplace_back(piece, -1.0);
    settings.unknown = 0;
    settings.split_white_space = true;
    settings.has_metaspace = false;
    settings.pipeline.normalizer.add(text::nfkc_step());
    const text::UnigramTokenizer tokenizer(std::move(settings));
    // 爱北 | 京 crosses the words 爱 and 北京; 天 | 安门 is a word of two pieces.
    EXPECT_THAT(goes_on(tokenizer, "爱北京天安门，ＡＢ playing"), testing::ElementsAre(false, false, false, true, false, false, true, false, true));
    EXPECT_THAT(goes_on(tokenizer, "手机天安门"), testing::ElementsAre(false, false, true));
    // One unknown character does not hide the words around it; of two, which may be one token or two, nothing is sure.
    EXPECT_THAT(goes_on(tokenizer, "爱北京天安门我"), testing::ElementsAre(false, false, false, true, false));
    EXPECT_THAT(goes_on(tokenizer, "爱北我京天安门"), testing::ElementsAre(false, false, false, false, true));
    EXPECT_THAT(goes_on(tokenizer, "爱北京我、天安门"), testing::ElementsAre(false, false, false, false, false));
}

}  // namespace
}  // namespace kohort::train
