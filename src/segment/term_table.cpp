#include "segment/term_table.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include <fmt/format.h>

#include "base/hash.h"
#include "parallel/collectives.h"

namespace kohort::segment {
namespace {

// A term and its counts as bytes: [length][text][segments x texts][segments x users], all int64 but the text.
void pack(std::vector<std::uint8_t>& bytes, std::string_view term, std::span<const std::int64_t> texts,
          std::span<const std::int64_t> users) {
    const auto append = [&](const void* data, std::size_t size) {
        const auto* first = static_cast<const std::uint8_t*>(data);
        bytes.insert(bytes.end(), first, first + size);
    };
    const auto length = static_cast<std::int64_t>(term.size());
    append(&length, sizeof length);
    append(term.data(), term.size());
    append(texts.data(), texts.size_bytes());
    append(users.data(), users.size_bytes());
}

class Unpacker {
  public:
    explicit Unpacker(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    bool done() const { return bytes_.empty(); }
    std::int64_t integer() {
        std::int64_t value;
        std::memcpy(&value, bytes_.data(), sizeof value);
        bytes_ = bytes_.subspan(sizeof value);
        return value;
    }
    std::string text(std::int64_t length) {
        std::string value(reinterpret_cast<const char*>(bytes_.data()), static_cast<std::size_t>(length));
        bytes_ = bytes_.subspan(value.size());
        return value;
    }

  private:
    std::span<const std::uint8_t> bytes_;
};

std::size_t owner_of(std::string_view term, int ranks) {
    return static_cast<std::size_t>(base::hash64(term) % static_cast<std::uint64_t>(ranks));
}

double rounded(double value) { return std::round(value * 1e6) / 1e6; }

std::int64_t total(const std::vector<std::int64_t>& counts) {
    std::int64_t sum = 0;
    for (const auto count : counts) sum += count;
    return sum;
}

// Best first; ties by text, so that the order is total.
bool better(const Term& a, const Term& b) { return a.score != b.score ? a.score > b.score : a.text < b.text; }

// A word or phrase that mostly occurs inside a longer phrase of the same list says no more than that one does.
void drop_parts_of_phrases(std::vector<Term>& terms) {
    std::map<std::string, std::int64_t, std::less<>> within;
    for (const auto& term : terms) {
        const auto words = words_of(term.text);
        for (std::size_t length = 1; length < words.size(); ++length)
            for (std::size_t first = 0; first + length <= words.size(); ++first) {
                auto& most = within[fmt::format("{}", fmt::join(words.begin() + static_cast<std::ptrdiff_t>(first),
                                                                words.begin() + static_cast<std::ptrdiff_t>(first + length),
                                                                std::string_view(&phrase_mark, 1)))];
                most = std::max(most, term.texts);
            }
    }
    std::erase_if(terms, [&](const Term& term) {
        const auto found = within.find(term.text);
        return found != within.end() && 10 * found->second >= 7 * term.texts;
    });
}

}  // namespace

TermTable::TermTable(parallel::Communicator& comm, std::int64_t segments)
    : comm_(comm), segments_(segments), texts_(static_cast<std::size_t>(segments)), users_(static_cast<std::size_t>(segments)) {}

void TermTable::add_user(const TermExtractor& extractor, std::int32_t segment, std::span<const std::string_view> texts) {
    std::set<std::string> of_user;
    for (const auto text : texts) {
        auto found = extractor.extract(text);
        for (const auto& character : found.characters) count(character, segment, 1, 0);
        for (auto& term : found.terms) {
            count(term, segment, 1, 0);
            of_user.insert(std::move(term));
        }
    }
    for (const auto& term : of_user) count(term, segment, 0, 1);
    texts_[static_cast<std::size_t>(segment)] += static_cast<std::int64_t>(texts.size());
    users_[static_cast<std::size_t>(segment)] += 1;
}

void TermTable::count(const std::string& term, std::int32_t segment, std::int64_t texts, std::int64_t users) {
    auto& counts = local_[term];
    if (counts.texts.empty()) {
        counts.texts.resize(static_cast<std::size_t>(segments_));
        counts.users.resize(static_cast<std::size_t>(segments_));
    }
    counts.texts[static_cast<std::size_t>(segment)] += texts;
    counts.users[static_cast<std::size_t>(segment)] += users;
}

void TermTable::exchange() {
    std::vector<std::vector<std::uint8_t>> outgoing(static_cast<std::size_t>(comm_.size()));
    for (const auto& [term, counts] : local_) pack(outgoing[owner_of(term, comm_.size())], term, counts.texts, counts.users);
    local_.clear();
    for (const auto& bytes : parallel::all_to_all(comm_, outgoing)) {
        for (Unpacker unpack(bytes); !unpack.done();) {
            auto& counts = owned_[unpack.text(unpack.integer())];
            counts.texts.resize(static_cast<std::size_t>(segments_));
            counts.users.resize(static_cast<std::size_t>(segments_));
            for (auto& value : counts.texts) value += unpack.integer();
            for (auto& value : counts.users) value += unpack.integer();
        }
    }
}

std::vector<std::int64_t> TermTable::word_counts(const std::vector<std::string>& words) {
    std::vector<std::int64_t> counts(words.size());
    for (std::size_t i = 0; i < words.size(); ++i)
        if (const auto found = owned_.find(words[i]); found != owned_.end()) counts[i] = total(found->second.texts);
    parallel::all_reduce(comm_, std::span(counts), parallel::ReduceOperation::sum);
    return counts;
}

std::vector<std::vector<Term>> TermTable::best_terms(const TermOptions& options) {
    const auto segments = static_cast<std::size_t>(segments_);
    auto texts = texts_, users = users_;
    parallel::all_reduce(comm_, std::span(texts), parallel::ReduceOperation::sum);
    parallel::all_reduce(comm_, std::span(users), parallel::ReduceOperation::sum);
    std::vector<std::int64_t> occurrences(segments);
    for (const auto& [term, counts] : owned_)
        for (std::size_t c = 0; c < segments && !is_single_character(term); ++c) occurrences[c] += counts.texts[c];
    parallel::all_reduce(comm_, std::span(occurrences), parallel::ReduceOperation::sum);
    const double mean_occurrences = static_cast<double>(total(occurrences)) / static_cast<double>(segments);
    const auto all_texts = static_cast<double>(total(texts)), all_users = static_cast<double>(total(users));

    // Each owner's best candidates of each segment; several times `top`, because cohesion weeds out phrases later.
    std::vector<std::vector<std::uint8_t>> outgoing(static_cast<std::size_t>(comm_.size()));
    std::vector<std::uint8_t> packed;
    const auto candidates_kept = static_cast<std::size_t>(8 * options.top);
    for (std::size_t c = 0; c < segments; ++c) {
        std::vector<Term> best;
        for (const auto& [text, counts] : owned_) {
            if (counts.texts[c] < options.least_texts || is_single_character(text)) continue;
            const auto frequency = static_cast<double>(total(counts.texts));
            Term term;
            term.text = text;
            term.texts = counts.texts[c];
            term.users = counts.users[c];
            term.score = rounded(1e3 * static_cast<double>(term.texts) / static_cast<double>(occurrences[c]) *
                                 std::log(1.0 + mean_occurrences / frequency));
            term.lift = rounded(static_cast<double>(term.texts) / static_cast<double>(texts[c]) / (frequency / all_texts));
            term.user_lift = rounded(static_cast<double>(term.users) / static_cast<double>(users[c]) /
                                     (static_cast<double>(total(counts.users)) / all_users));
            // What is as frequent elsewhere tells nothing apart; in one segment everything is.
            if (segments > 1 && term.lift <= 1) continue;
            best.push_back(std::move(term));
        }
        const auto kept = std::min(candidates_kept, best.size());
        std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(kept), best.end(), better);
        for (std::size_t i = 0; i < kept; ++i) {
            const auto& t = best[i];
            const std::int64_t numbers[] = {static_cast<std::int64_t>(c), t.texts, t.users,
                                            static_cast<std::int64_t>(std::llround(t.score * 1e6)),
                                            static_cast<std::int64_t>(std::llround(t.lift * 1e6)),
                                            static_cast<std::int64_t>(std::llround(t.user_lift * 1e6))};
            pack(packed, t.text, numbers, {});
        }
    }
    const auto everything = parallel::all_gather(comm_, std::span<const std::uint8_t>(packed));
    std::vector<std::vector<Term>> result(segments);
    std::set<std::string, std::less<>> distinct;
    for (Unpacker unpack(everything); !unpack.done();) {
        Term term;
        term.text = unpack.text(unpack.integer());
        const auto c = static_cast<std::size_t>(unpack.integer());
        term.texts = unpack.integer();
        term.users = unpack.integer();
        term.score = static_cast<double>(unpack.integer()) / 1e6;
        term.lift = static_cast<double>(unpack.integer()) / 1e6;
        term.user_lift = static_cast<double>(unpack.integer()) / 1e6;
        if (const auto words = words_of(term.text); words.size() > 1) {
            distinct.insert(term.text);
            for (const auto word : words) distinct.emplace(word);
        }
        result[c].push_back(std::move(term));
    }

    // A phrase stays where its words come together far more often than chance would bring them.
    const std::vector<std::string> looked_up(distinct.begin(), distinct.end());
    const auto counts = word_counts(looked_up);
    const auto count_of = [&](std::string_view word) {
        const auto at = std::lower_bound(looked_up.begin(), looked_up.end(), word) - looked_up.begin();
        return static_cast<double>(counts[static_cast<std::size_t>(at)]);
    };
    for (auto& terms : result) {
        std::erase_if(terms, [&](const Term& term) {
            const auto words = words_of(term.text);
            if (words.size() < 2) return false;
            const double together = count_of(term.text) / all_texts;
            double apart = 1;
            for (const auto word : words) apart *= count_of(word) / all_texts;
            const double most = -std::log(together) * static_cast<double>(words.size() - 1);
            return rounded(std::log(together / apart) / most) < options.least_cohesion;
        });
        std::sort(terms.begin(), terms.end(), better);
        drop_parts_of_phrases(terms);
        if (terms.size() > static_cast<std::size_t>(options.top)) terms.resize(static_cast<std::size_t>(options.top));
        for (auto& term : terms) term.text = readable(term.text);
    }
    return result;
}

std::vector<std::vector<double>> TermTable::log_lifts(const std::vector<std::string>& terms) {
    const auto segments = static_cast<std::size_t>(segments_);
    auto texts = texts_;
    parallel::all_reduce(comm_, std::span(texts), parallel::ReduceOperation::sum);
    std::vector<std::int64_t> counts(terms.size() * segments);
    for (std::size_t i = 0; i < terms.size(); ++i)
        if (const auto found = owned_.find(terms[i]); found != owned_.end())
            std::copy(found->second.texts.begin(), found->second.texts.end(), counts.begin() + static_cast<std::ptrdiff_t>(i * segments));
    parallel::all_reduce(comm_, std::span(counts), parallel::ReduceOperation::sum);
    const auto all_texts = static_cast<double>(total(texts));
    std::vector<std::vector<double>> lifts(terms.size(), std::vector<double>(segments));
    for (std::size_t i = 0; i < terms.size(); ++i) {
        std::int64_t frequency = 0;
        for (std::size_t c = 0; c < segments; ++c) frequency += counts[i * segments + c];
        if (frequency == 0) continue;
        for (std::size_t c = 0; c < segments; ++c) {
            const double share = static_cast<double>(texts[c]) / all_texts;
            const double expected = static_cast<double>(frequency) * share;
            lifts[i][c] = rounded(std::log((static_cast<double>(counts[i * segments + c]) + 0.5) / (expected + 0.5)));
        }
    }
    return lifts;
}

}  // namespace kohort::segment
