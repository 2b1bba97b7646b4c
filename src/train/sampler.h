// Which samples make a step, and how a sample becomes token sequences. Every choice is a function of the seed and
// of the sample's position in the endless stream of epochs, never of rank, thread or call order.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "text/tokenizer.h"
#include "train/pair_kind.h"
#include "train/token_store.h"

namespace kohort::train {

using Sequence = std::vector<text::TokenId>;  // with special tokens

// The stream of samples: one epoch's permutation after another, cut into steps of `batch`. A step may take the end
// of one epoch and the beginning of the next.
class SampleStream {
  public:
    // Of the samples [0, population) but those `left_out`, which ascend; some must remain.
    SampleStream(std::int64_t population, std::int64_t batch, std::uint64_t seed, std::vector<std::int64_t> left_out = {});

    std::int64_t batch() const { return batch_; }  // at most the number of samples
    std::int64_t first_position(std::int64_t step) const { return step * batch_; }
    std::vector<std::int64_t> samples(std::int64_t step) const;  // [batch]

  private:
    std::int64_t sample_at(std::int64_t place) const;

    std::vector<std::int64_t> left_out_;
    std::int64_t population_, batch_;  // without those left out
    std::uint64_t seed_;
};

struct DrawOptions {
    std::uint64_t seed = 0;
    std::int64_t side_events = 4;  // halves: most texts on one side of a user's pair
    double drop_tokens = 0.25;     // the share of tokens left out of a text, [0, 1); dropout pairs lose none
    std::int64_t max_tokens = 32;  // of a sequence, special tokens included
    PairKind pairs = PairKind::halves;
    bool left_out = false;         // rest: the tokens left out of the first text make one more sequence, the last
};

// A user's two sides for contrastive learning: 2g sequences, the first g of which are one side. g is 1, and for halves
// min(side_events, texts / 2): those are drawn from the user's different texts without replacement. For rest there are no
// sides: min(2 * side_events, texts) sequences, and that of `left_out`. Tokens are dropped (at least one stays), then the text is cut. `sample` is one of this rank's, of unit user, at `position` in the stream.
std::vector<Sequence> draw_sides(const TokenStore& store, std::int64_t sample, std::int64_t position,
                                 const DrawOptions& options);

// What tells the texts that draw_sides() gives: equal for equal ones, whole (but for a chance of 2^-64).
std::vector<std::int64_t> text_keys(const TokenStore& store, std::int64_t sample, std::int64_t position, const DrawOptions& options);

// What tells the texts of each side: equal for sides of equal texts, in any order.
std::array<std::int64_t, 2> side_keys(const TokenStore& store, std::int64_t sample, std::int64_t position,
                                      const DrawOptions& options);

// At most `most` of a user's different texts, drawn, thinned and cut in the same way.
std::vector<Sequence> draw_user(const TokenStore& store, std::int64_t sample, std::int64_t position, std::int64_t most,
                                const DrawOptions& options);

// One text, cut to `max_tokens`, nothing dropped. `sample` is one of this rank's, of unit text.
Sequence draw_text(const TokenStore& store, std::int64_t sample, std::int64_t max_tokens);

// The same, where tokens that go on with the word of the token before them carry the bit `goes_on_with_word`. No id that a
// model sees has it. For a store that knows words.
inline constexpr text::TokenId goes_on_with_word = 1 << 30;
Sequence draw_text_in_words(const TokenStore& store, std::int64_t sample, std::int64_t max_tokens);

// `keep` of the ids as drop_tokens decides for slot `slot` of the sample at `position`; never none of them.
std::vector<text::TokenId> drop_tokens(std::span<const text::TokenId> ids, double share, std::uint64_t seed,
                                       std::int64_t position, std::int64_t slot);
// What that leaves out, or where it is nothing, all of the ids.
std::vector<text::TokenId> tokens_left_out(std::span<const text::TokenId> ids, double share, std::uint64_t seed,
                                           std::int64_t position, std::int64_t slot);

}  // namespace kohort::train
