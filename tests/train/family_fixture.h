// A small model and a tokenizer for each objective, for the letters of corpus_fixture.h.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "corpus_fixture.h"
#include "model/new_model.h"
#include "model/pretrained.h"
#include "small_model.h"
#include "train/trainer.h"

namespace kohort::train {

// With sentinels behind the letters.
class SentinelTokenizer : public LetterTokenizer {
  public:
    std::int64_t vocabulary_size() const override { return LetterTokenizer::vocabulary_size() + std::ssize(sentinels_); }
    const std::string& token(text::TokenId id) const override {
        const auto behind = id - LetterTokenizer::vocabulary_size();
        return behind < 0 ? LetterTokenizer::token(id) : sentinels_[static_cast<std::size_t>(behind)];
    }

  private:
    std::array<std::string, 4> sentinels_{"<extra_id_3>", "<extra_id_2>", "<extra_id_1>", "<extra_id_0>"};
};

inline model::NewModel small_new_model(const std::string& family, std::int64_t layers) {
    return {.family = family, .vocabulary = SentinelTokenizer().vocabulary_size(), .layers = layers, .hidden = 16, .heads = 2,
            .intermediate = 24, .positions = 16, .end = 3};
}

// The family that an objective trains.
inline std::shared_ptr<model::Encoder> model_for(ObjectiveKind objective, std::int64_t layers, std::uint64_t seed) {
    switch (objective) {
        case ObjectiveKind::causal_language: return model::make_model(small_new_model("gpt2", layers), seed);
        case ObjectiveKind::span_corruption: return model::make_model(small_new_model("t5", layers), seed);
        default: return model::make_model(small_config(layers), seed);
    }
}

inline std::unique_ptr<text::Tokenizer> tokenizer_for(ObjectiveKind objective) {
    if (objective == ObjectiveKind::span_corruption) return std::make_unique<SentinelTokenizer>();
    return std::make_unique<LetterTokenizer>();
}

}  // namespace kohort::train
