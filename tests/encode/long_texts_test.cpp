#include "encode/long_texts.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "small_encoder.h"

namespace kohort::encode {
namespace {

using testing::ElementsAre;
using Windows = std::vector<std::pair<std::int64_t, std::int64_t>>;
using Ids = std::vector<std::int32_t>;

// Splits letters into ids, with the special tokens of a family around them.
class Letters : public text::Tokenizer {
  public:
    Letters(Ids before, Ids behind) : before_(std::move(before)), behind_(std::move(behind)) {}
    void encode(std::string_view utf8, Ids& ids) const override { ids.insert(ids.end(), utf8.begin(), utf8.end()); }
    Ids encode_for_model(std::string_view utf8, std::int64_t most) const override {
        Ids ids = before_;
        encode(utf8.substr(0, static_cast<std::size_t>(std::max<std::int64_t>(
                                  0, most - static_cast<std::int64_t>(before_.size() + behind_.size())))),
               ids);
        ids.insert(ids.end(), behind_.begin(), behind_.end());
        return ids;
    }
    std::int64_t vocabulary_size() const override { return 256; }
    const std::string& token(text::TokenId) const override { return name_; }
    const text::SpecialTokens& special() const override { return special_; }

  private:
    Ids before_, behind_;
    std::string name_;
    text::SpecialTokens special_;
};

TEST(LongTexts, windows_overlap_and_the_last_one_ends_with_the_text) {
    EXPECT_EQ(windows_of(10, 4, 1), (Windows{{0, 4}, {3, 7}, {6, 10}}));
    EXPECT_EQ(windows_of(11, 4, 1), (Windows{{0, 4}, {3, 7}, {6, 10}, {9, 11}}));
    EXPECT_EQ(windows_of(8, 4, 0), (Windows{{0, 4}, {4, 8}}));
    EXPECT_EQ(windows_of(4, 4, 3), (Windows{{0, 4}}));
    EXPECT_EQ(windows_of(5, 4, 3), (Windows{{0, 4}, {1, 5}}));
}

TEST(LongTexts, every_token_is_in_a_window_for_any_sizes) {
    for (std::int64_t tokens = 1; tokens < 40; ++tokens)
        for (std::int64_t room = 1; room < 9; ++room)
            for (std::int64_t overlap = 0; overlap < room; ++overlap) {
                const auto windows = windows_of(tokens, room, overlap);
                std::int64_t covered = 0;
                for (const auto& [first, last] : windows) {
                    EXPECT_EQ(first, covered == 0 ? 0 : covered - overlap);
                    EXPECT_TRUE(last > covered && last - first <= room) << tokens << ' ' << room << ' ' << overlap;
                    covered = last;
                }
                EXPECT_EQ(covered, tokens);
            }
}

TEST(LongTexts, special_tokens_are_found_on_either_side) {
    const SpecialTokensAround bert(Letters({1}, {2})), t5(Letters({}, {2})), gpt2(Letters({}, {})),
        many(Letters({1, 1}, {1, 2}));
    EXPECT_THAT(bert.before, ElementsAre(1));
    EXPECT_THAT(bert.behind, ElementsAre(2));
    EXPECT_TRUE(t5.before.empty());
    EXPECT_THAT(t5.behind, ElementsAre(2));
    EXPECT_EQ(gpt2.size(), 0u);
    EXPECT_THAT(many.before, ElementsAre(1, 1));
    EXPECT_THAT(many.behind, ElementsAre(1, 2));
    const auto small = small_tokenizer();
    EXPECT_EQ(SpecialTokensAround(*small).before, Ids{small->special().classify});
    EXPECT_EQ(SpecialTokensAround(*small).behind, Ids{small->special().separate});
}

TEST(LongTexts, each_window_has_the_special_tokens_around_it) {
    const Letters tokenizer({1}, {2});
    const SpecialTokensAround special(tokenizer);
    const auto ids = tokenizer.encode_for_model("abcdefg", std::numeric_limits<std::int64_t>::max());
    EXPECT_THAT(split_into_windows(ids, special, 9, 1), ElementsAre(ids));
    EXPECT_THAT(split_into_windows(ids, special, 6, 1),
                ElementsAre(Ids{1, 'a', 'b', 'c', 'd', 2}, Ids{1, 'd', 'e', 'f', 'g', 2}));
    EXPECT_THAT(split_into_windows(ids, special, 6, 0), ElementsAre(Ids{1, 'a', 'b', 'c', 'd', 2}, Ids{1, 'e', 'f', 'g', 2}));
    EXPECT_THAT(split_into_windows({5, 6, 7, 8}, {}, 3, 2), ElementsAre(Ids{5, 6, 7}, Ids{6, 7, 8}));
}

TEST(LongTexts, other_words_are_refused) {
    EXPECT_EQ(parse_long_texts(name_of(LongTexts::windows)), LongTexts::windows);
    EXPECT_EQ(parse_long_texts(name_of(LongTexts::cut)), LongTexts::cut);
    EXPECT_THROW(parse_long_texts("split"), base::Error);
}

}  // namespace
}  // namespace kohort::encode
