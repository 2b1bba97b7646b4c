// A small made-up corpus and a tokenizer for it, so that training is tested without files.
#pragma once

#include <string>
#include <vector>

#include "base/philox.h"
#include "corpus/user_document.h"
#include "text/tokenizer.h"

namespace kohort::train {

// A letter is a token: [PAD] [UNK] [CLS] [SEP] [MASK] a b c … z.
class LetterTokenizer : public text::Tokenizer {
  public:
    static constexpr text::TokenId first_letter = 5;

    void encode(std::string_view utf8, std::vector<text::TokenId>& ids) const override {
        for (const char letter : utf8) ids.push_back(letter == ' ' ? special_.unknown : first_letter + (letter - 'a'));
    }
    std::int64_t vocabulary_size() const override { return 31; }
    const std::string& token(text::TokenId) const override { return name_; }
    const text::SpecialTokens& special() const override { return special_; }
    std::vector<text::TokenId> encode_for_model(std::string_view utf8, std::int64_t) const override {
        std::vector<text::TokenId> ids;
        encode(utf8, ids);
        return ids;
    }

  private:
    std::string name_ = "token";
    text::SpecialTokens special_{0, 1, 2, 3, 4};
};

struct MadeCorpus {
    corpus::CorpusInfo info;
    std::vector<corpus::Partition> partitions;
};

// Users of one of `topics` interests: the letters of a user's texts come mostly from its interest. Every fifth
// partition is empty; some users have one text, some none, some the same text twice.
inline MadeCorpus make_corpus(int users, int partitions, int topics = 4) {
    const base::Philox random(99, base::RandomPurpose::synthetic_corpus);
    MadeCorpus made;
    made.info.partitions = partitions;
    made.info.text_bytes.assign(static_cast<std::size_t>(partitions), 0);
    made.partitions.resize(static_cast<std::size_t>(partitions));
    for (int p = 0; p < partitions; ++p) made.partitions[static_cast<std::size_t>(p)].index = p;
    for (int u = 0; u < users; ++u) {
        const auto user = static_cast<std::uint64_t>(u);
        auto partition = static_cast<std::size_t>(random.below(static_cast<std::uint64_t>(partitions), user, 0));
        if (partition % 5 == 4) partition = 0;
        corpus::UserDocument document{"user" + std::to_string(u), {}};
        const auto texts = random.below(9, user, 1);
        const auto topic = random.below(static_cast<std::uint64_t>(topics), user, 2);
        for (std::uint64_t t = 0; t < texts; ++t) {
            std::string text;
            const auto length = 1 + random.below(12, user, 100 + t);
            for (std::uint64_t i = 0; i < length; ++i) {
                const std::uint64_t place = 1000 + t * 100 + i;
                const bool stray = random.below(4, user, place) == 0;
                text += static_cast<char>('a' + (stray ? random.below(26, user, place + 50) : topic * 6 + random.below(6, user, place + 50)));
            }
            document.events.push_back({0, 0, "", text});
            if (random.below(5, user, 200 + t) == 0) document.events.push_back({0, 0, "", text});
        }
        for (const auto& event : document.events) made.info.text_bytes[partition] += std::ssize(event.text);
        made.partitions[partition].users.push_back(std::move(document));
    }
    return made;
}

}  // namespace kohort::train
