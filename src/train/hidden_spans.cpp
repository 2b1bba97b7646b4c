#include "train/hidden_spans.h"

#include <algorithm>
#include <cmath>

#include "base/philox.h"

namespace kohort::train {
namespace {

// `count` different numbers of [0, bound), rising; each choice is equally likely (Knuth, The Art of Computer Programming 2,
// section 3.4.2, algorithm S).
std::vector<std::int64_t> choose(const base::Philox& random, std::int64_t count, std::int64_t bound, std::int64_t position,
                                 std::uint64_t stream) {
    std::vector<std::int64_t> chosen;
    for (std::int64_t i = 0; i < bound && std::ssize(chosen) < count; ++i) {
        const auto place = (stream << 32) | static_cast<std::uint64_t>(i);
        const auto drawn = random.below(static_cast<std::uint64_t>(bound - i), static_cast<std::uint64_t>(position), place);
        if (static_cast<std::int64_t>(drawn) < count - std::ssize(chosen)) chosen.push_back(i);
    }
    return chosen;
}

}  // namespace

SpanSequences hide_spans(const Sequence& sequence, std::int64_t position, const SpanOptions& options) {
    const base::Philox random(options.seed, base::RandomPurpose::span_corruption);
    const bool begins = !sequence.empty() && options.special.classify >= 0 && sequence.front() == options.special.classify;
    const bool ends = std::ssize(sequence) > begins && options.special.separate >= 0 && sequence.back() == options.special.separate;
    const auto first = sequence.begin() + begins, last = sequence.end() - ends;
    const std::int64_t tokens = last - first;

    SpanSequences result;
    result.source.assign(sequence.begin(), first);
    if (tokens > 0) {
        const auto hidden = std::clamp<std::int64_t>(std::llround(static_cast<double>(tokens) * options.share), 1,
                                                     std::max<std::int64_t>(tokens - 1, 1));
        const std::int64_t kept = tokens - hidden;
        const auto spans = std::clamp<std::int64_t>(std::llround(static_cast<double>(hidden) / options.mean_length), 1,
                                                    std::min({hidden, kept + 1, std::ssize(options.sentinels) - 1}));
        // A span stands before the kept token of its number, or behind them all; where one ends, the next begins.
        const auto before = choose(random, spans, kept + 1, position, 0);
        auto ends_at = choose(random, spans - 1, hidden - 1, position, 1);
        ends_at.push_back(hidden - 1);
        std::int64_t of_kept = 0, of_hidden = 0;
        auto next = first;
        for (std::size_t span = 0; span < before.size(); ++span) {
            const auto sentinel = options.sentinels[span];
            const std::int64_t gap = before[span] - of_kept, length = ends_at[span] + 1 - of_hidden;
            result.source.insert(result.source.end(), next, next + gap);
            result.source.push_back(sentinel);
            result.target.push_back(sentinel);
            result.target.insert(result.target.end(), next + gap, next + gap + length);
            next += gap + length;
            of_kept += gap;
            of_hidden += length;
        }
        result.source.insert(result.source.end(), next, last);
        result.target.push_back(options.sentinels[before.size()]);
    }
    result.target.push_back(options.end);
    result.source.insert(result.source.end(), last, sequence.end());
    return result;
}

}  // namespace kohort::train
