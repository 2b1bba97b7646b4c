#include "train/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string_view>

#include "base/hash.h"
#include "base/philox.h"
#include "train/epoch_permutation.h"

namespace kohort::train {
namespace {

Sequence with_special_tokens(std::span<const text::TokenId> ids, const text::SpecialTokens& special, std::int64_t most) {
    const bool begins = special.classify >= 0, ends = special.separate >= 0;
    const auto room = std::max<std::int64_t>(most - begins - ends, 1);
    Sequence sequence;
    sequence.reserve(ids.size() + 2);
    if (begins) sequence.push_back(special.classify);
    sequence.insert(sequence.end(), ids.begin(), ids.begin() + std::min<std::ptrdiff_t>(std::ssize(ids), room));
    if (ends) sequence.push_back(special.separate);
    return sequence;
}

using Texts = std::vector<std::span<const text::TokenId>>;

// `count` of a user's different texts without replacement: the first places of a Fisher-Yates shuffle.
Texts choose_texts(const TokenStore& store, std::int64_t sample, std::int64_t position, std::int64_t count, std::uint64_t seed) {
    const auto range = store.texts_of_user(sample);
    const base::Philox random(seed, base::RandomPurpose::sampling);
    std::vector<std::int64_t> texts(static_cast<std::size_t>(range.count));
    std::iota(texts.begin(), texts.end(), range.first);
    Texts chosen;
    for (std::int64_t slot = 0; slot < count; ++slot) {
        const auto other = slot + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(range.count - slot),
                                                                         static_cast<std::uint64_t>(position),
                                                                         static_cast<std::uint64_t>(slot)));
        std::swap(texts[static_cast<std::size_t>(slot)], texts[static_cast<std::size_t>(other)]);
        chosen.push_back(store.ids_of_text(texts[static_cast<std::size_t>(slot)]));
    }
    return chosen;
}

// The texts of both sides, the first half one side.
Texts choose_sides(const TokenStore& store, std::int64_t sample, std::int64_t position, const DrawOptions& options) {
    switch (options.pairs) {
        case PairKind::halves:
            return choose_texts(store, sample, position, 2 * std::min(options.side_events, store.texts_of_user(sample).count / 2), options.seed);
        case PairKind::events: return choose_texts(store, sample, position, 2, options.seed);
        case PairKind::rest:
            return choose_texts(store, sample, position, std::min(2 * options.side_events, store.texts_of_user(sample).count), options.seed);
        case PairKind::dropout: {
            const auto one = choose_texts(store, sample, position, 1, options.seed);
            return {one[0], one[0]};
        }
        case PairKind::query_item:
        case PairKind::title_category: {
            const base::Philox random(options.seed, base::RandomPurpose::sampling);
            const auto pairs = static_cast<std::uint64_t>(store.pairs_of_user(sample));
            const auto pair = store.pair_of_user(
                sample, static_cast<std::int64_t>(random.below(pairs, static_cast<std::uint64_t>(position), 0)));
            return {pair.first, pair.second};
        }
    }
    return {};
}

struct Parted {
    std::vector<text::TokenId> kept, dropped;
};
Parted part_tokens(std::span<const text::TokenId> ids, double share, std::uint64_t seed, std::int64_t position, std::int64_t slot) {
    if (share <= 0 || ids.size() < 2) return {{ids.begin(), ids.end()}, {}};
    const base::Philox random(seed, base::RandomPurpose::token_dropping);
    const auto high = static_cast<std::uint64_t>(position), stream = static_cast<std::uint64_t>(slot) << 32;
    const auto threshold = static_cast<std::uint32_t>(std::floor(share * 0x1p32));
    Parted parted;
    parted.kept.reserve(ids.size());
    std::array<std::uint32_t, 4> block{};
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (i % 4 == 0) block = random.block(high, stream | (i / 4));
        (block[i % 4] >= threshold ? parted.kept : parted.dropped).push_back(ids[i]);
    }
    if (parted.kept.empty()) parted.kept.push_back(ids[random.below(ids.size(), high, stream | 0xFFFFFFFF)]);
    return parted;
}

std::vector<Sequence> sequences_of(const TokenStore& store, const Texts& texts, std::int64_t position, const DrawOptions& options) {
    const double share = options.pairs == PairKind::dropout ? 0 : options.drop_tokens;
    std::vector<Sequence> sequences;
    for (std::size_t slot = 0; slot < texts.size(); ++slot) {
        const auto kept = drop_tokens(texts[slot], share, options.seed, position, static_cast<std::int64_t>(slot));
        sequences.push_back(with_special_tokens(kept, store.special(), options.max_tokens));
    }
    if (options.left_out && options.pairs == PairKind::rest)
        sequences.push_back(with_special_tokens(tokens_left_out(texts[0], share, options.seed, position, 0), store.special(), options.max_tokens));
    return sequences;
}

}  // namespace

SampleStream::SampleStream(std::int64_t population, std::int64_t batch, std::uint64_t seed, std::vector<std::int64_t> left_out)
    : left_out_(std::move(left_out)), population_(population - std::ssize(left_out_)), batch_(std::min(population_, batch)), seed_(seed) {}

// The sample that `place` others come before, those left out not counted.
std::int64_t SampleStream::sample_at(std::int64_t place) const {
    std::int64_t before = 0, end = std::ssize(left_out_);  // of those left out
    while (before < end) {
        const std::int64_t middle = (before + end) / 2;
        if (left_out_[static_cast<std::size_t>(middle)] - middle <= place) before = middle + 1;
        else end = middle;
    }
    return place + before;
}

std::vector<std::int64_t> SampleStream::samples(std::int64_t step) const {
    std::vector<std::int64_t> result(static_cast<std::size_t>(batch_));
    std::optional<EpochPermutation> permutation;
    std::int64_t permuted = -1;
    for (std::int64_t i = 0; i < batch_; ++i) {
        const std::int64_t position = first_position(step) + i, epoch = position / population_;
        if (epoch != permuted) {
            permutation.emplace(population_, seed_, static_cast<std::uint64_t>(epoch));
            permuted = epoch;
        }
        result[static_cast<std::size_t>(i)] = sample_at((*permutation)(position % population_));
    }
    return result;
}

std::vector<text::TokenId> drop_tokens(std::span<const text::TokenId> ids, double share, std::uint64_t seed,
                                       std::int64_t position, std::int64_t slot) {
    return part_tokens(ids, share, seed, position, slot).kept;
}

std::vector<text::TokenId> tokens_left_out(std::span<const text::TokenId> ids, double share, std::uint64_t seed,
                                           std::int64_t position, std::int64_t slot) {
    auto dropped = part_tokens(ids, share, seed, position, slot).dropped;
    return dropped.empty() ? std::vector<text::TokenId>(ids.begin(), ids.end()) : dropped;
}

std::vector<Sequence> draw_sides(const TokenStore& store, std::int64_t sample, std::int64_t position,
                                 const DrawOptions& options) {
    return sequences_of(store, choose_sides(store, sample, position, options), position, options);
}

std::vector<std::int64_t> text_keys(const TokenStore& store, std::int64_t sample, std::int64_t position, const DrawOptions& options) {
    std::vector<std::int64_t> keys;
    for (const auto& ids : choose_sides(store, sample, position, options))
        keys.push_back(static_cast<std::int64_t>(base::hash64({reinterpret_cast<const char*>(ids.data()), ids.size_bytes()})));
    return keys;
}

std::array<std::int64_t, 2> side_keys(const TokenStore& store, std::int64_t sample, std::int64_t position,
                                      const DrawOptions& options) {
    auto keys = text_keys(store, sample, position, options);
    std::array<std::int64_t, 2> result{};
    const auto half = static_cast<std::ptrdiff_t>(keys.size() / 2);
    for (std::ptrdiff_t side = 0; side < 2; ++side) {
        const auto begin = keys.begin() + side * half;
        std::sort(begin, begin + half);
        const std::string_view bytes(reinterpret_cast<const char*>(keys.data() + side * half), static_cast<std::size_t>(half) * sizeof(std::int64_t));
        result[static_cast<std::size_t>(side)] = static_cast<std::int64_t>(base::hash64(bytes));
    }
    return result;
}

std::vector<Sequence> draw_user(const TokenStore& store, std::int64_t sample, std::int64_t position, std::int64_t most,
                                const DrawOptions& options) {
    const std::int64_t count = std::min(most, store.texts_of_user(sample).count);
    return sequences_of(store, choose_texts(store, sample, position, count, options.seed), position, options);
}

Sequence draw_text(const TokenStore& store, std::int64_t sample, std::int64_t max_tokens) {
    return with_special_tokens(store.ids_of_text(sample), store.special(), max_tokens);
}

Sequence draw_text_in_words(const TokenStore& store, std::int64_t sample, std::int64_t max_tokens) {
    const auto ids = store.ids_of_text(sample);
    std::vector<text::TokenId> marked(ids.begin(), ids.end());
    for (std::size_t i = 0; i < marked.size(); ++i)
        if (store.goes_on(sample, static_cast<std::int64_t>(i))) marked[i] |= goes_on_with_word;
    return with_special_tokens(marked, store.special(), max_tokens);
}

}  // namespace kohort::train
