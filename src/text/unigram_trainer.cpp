#include "text/unigram_trainer.h"

#include <utf8proc.h>

#include <algorithm>
#include <boost/math/special_functions/digamma.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "parallel/collectives.h"
#include "text/piece_lattice.h"
#include "text/repeated_substrings.h"
#include "text/script_runs.h"
#include "text/unicode_tables.h"
#include "text/utf8.h"
#include "text/word_iterator.h"

namespace kohort::text {
namespace {

// As SentencePiece has them.
constexpr int steps_a_round = 2;        // of expectation and maximisation
constexpr double kept_a_round = 0.75;   // of the pieces
constexpr double spare = 1.1;           // times the size asked for, until the last choice
constexpr double least_expected = 0.5;  // occurrences of a piece that stays

using Runs = std::unordered_map<std::u32string, std::int64_t>;

Runs count_runs(const std::vector<std::string>& texts) {
    Runs runs;
    for (const std::string& text : texts) {
        const std::u32string characters = to_code_points(text);
        for (const std::u32string_view run : script_runs(characters)) ++runs[std::u32string(run)];
    }
    return runs;
}

using CharacterCounts = std::map<char32_t, std::int64_t>;

// Of all ranks' texts, on rank 0.
CharacterCounts gather_counts(parallel::Communicator& comm, const std::unordered_map<char32_t, std::int64_t>& mine) {
    std::vector<std::int64_t> pairs;
    for (const auto& [code, count] : mine) pairs.insert(pairs.end(), {std::int64_t{code}, count});
    const auto all = parallel::gather(comm, std::span<const std::int64_t>(pairs));
    CharacterCounts counts;
    for (std::size_t i = 0; i < all.size(); i += 2) counts[static_cast<char32_t>(all[i])] += all[i + 1];
    return counts;
}

// The most frequent characters that make up the texts but for the share that is left uncovered; as many as may be pieces.
std::set<char32_t> choose_alphabet(const CharacterCounts& counts, const UnigramTrainerOptions& options) {
    std::vector<std::pair<std::int64_t, char32_t>> order;
    std::int64_t all = 0;
    for (const auto& [code, count] : counts) {
        if (is_white_space(code)) continue;
        all += count;
        if (count >= options.min_frequency) order.emplace_back(-count, code);
    }
    std::ranges::sort(order);
    const double wanted = static_cast<double>(all) * options.coverage;
    const std::int64_t room = options.size * 3 / 4;
    const std::int64_t most = options.most_characters > 0 ? std::min(options.most_characters, room) : room;
    std::set<char32_t> alphabet;
    std::int64_t covered = 0;
    for (const auto& [minus_count, code] : order) {
        if (static_cast<std::int64_t>(alphabet.size()) == most || static_cast<double>(covered) >= wanted) break;
        alphabet.insert(code);
        covered -= minus_count;
    }
    return alphabet;
}

// The runs in order, cut at characters outside the alphabet and where they grow too long.
WeightedWords make_words(const Runs& runs, const std::set<char32_t>& alphabet) {
    std::map<std::u32string, std::int64_t> parts;
    for (const auto& [run, count] : runs) {
        std::u32string part;
        const auto close = [&, n = count] {
            if (!part.empty()) parts[part] += n;
            part.clear();
        };
        for (const char32_t code : run) {
            if (part.size() == PieceLattice::longest_word || !alphabet.contains(code)) close();
            if (alphabet.contains(code)) part += code;
        }
        close();
    }
    WeightedWords words;
    for (const auto& [part, count] : parts) {
        if (words.characters.size() + part.size() > std::numeric_limits<std::int32_t>::max())
            base::fail(base::ErrorKind::internal, "a sample of more than two thousand million characters");
        words.characters += part;
        words.ends.push_back(static_cast<std::int32_t>(words.characters.size()));
        words.counts.push_back(count);
    }
    return words;
}

// Of what is repeated the part that covers most of the texts.
std::vector<RepeatedSubstring> choose_seeds(std::vector<RepeatedSubstring> found, std::int64_t most) {
    const auto covers = [](const RepeatedSubstring& substring) { return substring.count * substring.length; };
    std::ranges::sort(found, [&](const RepeatedSubstring& a, const RepeatedSubstring& b) {
        if (covers(a) != covers(b)) return covers(a) > covers(b);
        return a.first != b.first ? a.first < b.first : a.length < b.length;
    });
    found.resize(std::min(found.size(), static_cast<std::size_t>(most)));
    return found;
}

class Trainer {
  public:
    Trainer(parallel::Communicator& comm, const WeightedWords& words, const std::set<char32_t>& alphabet,
            const UnigramTrainerOptions& options)
        : comm_(comm), words_(words), alphabet_(alphabet), options_(options), lattice_(make_lattice(words, options)) {}

    UnigramPieces train() {
        const auto most = static_cast<std::size_t>(static_cast<double>(options_.size) * spare);
        for (;;) {
            for (int step = 0; step < steps_a_round; ++step) improve();
            if (lattice_.pieces().size() <= most) return best();
            prune(std::max(most, static_cast<std::size_t>(static_cast<double>(lattice_.pieces().size()) * kept_a_round)));
        }
    }

  private:
    // Other ranks wait meanwhile.
    void breathe() {
        comm_.check_peers();
        base::leave_if_stop_requested("making the vocabulary");
    }

    PieceLattice make_lattice(const WeightedWords& words, const UnigramTrainerOptions& options) {
        const RepeatedSubstrings repeated(words, static_cast<int>(options.longest_piece), options.min_frequency);
        breathe();
        const auto seeds = choose_seeds(repeated.found(), options.most_seeds);
        PieceLattice lattice(words, repeated.suffixes(), seeds);
        // Each begins with what it covers.
        std::vector<double> covers(static_cast<std::size_t>(lattice.characters()));
        std::unordered_map<char32_t, std::size_t> number;
        for (std::size_t i = 0; i < covers.size(); ++i)
            number[words.characters[static_cast<std::size_t>(lattice.pieces()[i].place)]] = i;
        std::size_t at = 0;
        for (std::size_t word = 0; word < words.ends.size(); ++word)
            for (; at < static_cast<std::size_t>(words.ends[word]); ++at)
                covers[number[words.characters[at]]] += static_cast<double>(words.counts[word]);
        for (const RepeatedSubstring& seed : seeds) covers.push_back(static_cast<double>(seed.count * seed.length));
        double all = 0;
        for (const double cover : covers) all += cover;
        for (const double cover : covers) scores_.push_back(std::log(cover / all));
        return lattice;
    }

    bool is_character(std::size_t piece) const { return static_cast<std::int64_t>(piece) < lattice_.characters(); }

    // Characters stay all the same.
    void keep_only(const std::vector<bool>& wanted) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < scores_.size(); ++i) {
            if (!is_character(i) && !wanted[i]) continue;
            counts_[kept] = counts_[i];
            scores_[kept++] = scores_[i];
        }
        counts_.resize(kept);
        scores_.resize(kept);
        lattice_.keep_only(wanted);
    }

    // Expectation, then the maximum under a prior that leaves few pieces (Liang and Klein 2007, section 2.3).
    void improve() {
        const auto expected = lattice_.expect(scores_, log_a_character_, options_.threads);
        log_a_character_ = expected.log_likelihood / lattice_.length_of_words();
        counts_ = expected.counts;
        breathe();
        std::vector<bool> expected_at_all(counts_.size());
        for (std::size_t i = 0; i < counts_.size(); ++i) expected_at_all[i] = counts_[i] >= least_expected;
        keep_only(expected_at_all);
        double all = 0;
        for (double& count : counts_) all += count = std::max(count, least_expected);  // characters stay, however rare
        const double log_all = boost::math::digamma(all);
        for (std::size_t i = 0; i < counts_.size(); ++i) scores_[i] = boost::math::digamma(counts_[i]) - log_all;
        base::log_debug("vocabulary: {} pieces, {:.4f} nats a character", counts_.size(), -log_a_character_);
    }

    // What the log likelihood loses, about, where other pieces stand for this one; -1 where the best way to cut it uses other
    // pieces already.
    double loss_without(std::int32_t piece, double all) const {
        const auto number = static_cast<std::size_t>(piece);
        const auto parts = lattice_.best_without(piece, scores_);
        double score = 0;
        for (const std::int32_t part : parts) score += scores_[static_cast<std::size_t>(part)];
        if (score > scores_[number]) return -1;
        const double count = counts_[number];
        const double log_all = std::log(all + count * (static_cast<double>(parts.size()) - 1));
        double log_parts = 0;
        for (const std::int32_t part : parts) log_parts += std::log(counts_[static_cast<std::size_t>(part)] + count) - log_all;
        return std::max(count * (std::log(count / all) - log_parts), 0.0);
    }

    void prune(std::size_t most) {
        double all = 0;
        for (const double count : counts_) all += count;
        std::vector<std::pair<double, std::int32_t>> order;  // by what is lost, the most first
        for (std::size_t i = static_cast<std::size_t>(lattice_.characters()); i < scores_.size(); ++i)
            if (const double loss = loss_without(static_cast<std::int32_t>(i), all); loss >= 0)
                order.emplace_back(-loss, static_cast<std::int32_t>(i));
        breathe();
        std::ranges::sort(order);
        order.resize(std::min(order.size(), most - std::min(most, static_cast<std::size_t>(lattice_.characters()))));
        std::vector<bool> kept(scores_.size());
        for (const auto& entry : order) kept[static_cast<std::size_t>(entry.second)] = true;
        keep_only(kept);
    }

    // All characters, and of the other pieces the likeliest.
    UnigramPieces best() const {
        const auto text_of = [&](std::size_t piece) {
            const auto [place, length] = lattice_.pieces()[piece];
            return to_utf8(std::u32string_view(words_.characters)
                               .substr(static_cast<std::size_t>(place), static_cast<std::size_t>(length)));
        };
        const auto likelier = [](const auto& a, const auto& b) {
            return a.second != b.second ? a.second > b.second : a.first < b.first;
        };
        UnigramPieces pieces, others;
        auto unseen = alphabet_;  // characters that are in no text of the sample
        for (std::size_t i = 0; i < scores_.size(); ++i) {
            if (is_character(i)) unseen.erase(words_.characters[static_cast<std::size_t>(lattice_.pieces()[i].place)]);
            (is_character(i) ? pieces : others).emplace_back(text_of(i), scores_[i]);
        }
        const double lowest = std::ranges::min(scores_);
        for (const char32_t code : unseen) pieces.emplace_back(to_utf8({&code, 1}), lowest);
        std::ranges::sort(others, likelier);
        others.resize(std::min(others.size(), static_cast<std::size_t>(options_.size) - pieces.size()));
        pieces.insert(pieces.end(), others.begin(), others.end());
        std::ranges::sort(pieces, likelier);
        return pieces;
    }

    parallel::Communicator& comm_;
    const WeightedWords& words_;
    const std::set<char32_t>& alphabet_;
    const UnigramTrainerOptions& options_;
    std::vector<double> scores_, counts_;  // [pieces] log probabilities, and expected occurrences
    double log_a_character_ = -6;          // of the log likelihood
    PieceLattice lattice_;                 // made last: it fills scores_
};

}  // namespace

UnigramPieces train_unigram(parallel::Communicator& comm, const TextSource& source, const UnigramTrainerOptions& options) {
    if (options.size < least_unigram_size)
        base::fail(base::ErrorKind::usage, "a vocabulary of {} pieces has no room for characters: ask for at least {}",
                   options.size, least_unigram_size);
    std::unordered_map<char32_t, std::int64_t> characters;
    TextSampleOptions sample = options.sample;
    sample.normalize = [&](std::string& text) {
        if (options.sample.normalize) options.sample.normalize(text);
        for_each_character(text, [&](char32_t code) { ++characters[code]; });
    };
    const auto texts = sample_texts(comm, source, sample);
    const auto counts = gather_counts(comm, characters);
    UnigramPieces pieces;
    if (comm.is_root()) {
        const auto alphabet = choose_alphabet(counts, options);
        const WeightedWords words = make_words(count_runs(texts), alphabet);
        if (!words.ends.empty()) pieces = Trainer(comm, words, alphabet, options).train();
    }
    auto found = static_cast<std::int64_t>(pieces.size());
    parallel::broadcast(comm, std::span(&found, 1));
    if (found == 0) base::fail(base::ErrorKind::input, "there is no text to make a vocabulary from");
    return pieces;
}

std::string unigram_rules_version() {
    return fmt::format("unigram 2, {}, utf8proc {}", word_rules_version(), utf8proc_version());
}

}  // namespace kohort::text
