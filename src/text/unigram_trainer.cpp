#include "text/unigram_trainer.h"

#include <algorithm>
#include <boost/math/special_functions/digamma.hpp>
#include <cmath>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/log.h"
#include "parallel/collectives.h"
#include "text/piece_lattice.h"
#include "text/repeated_substrings.h"
#include "text/script_runs.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

// As SentencePiece has them.
constexpr int steps_a_round = 2;              // of expectation and maximisation
constexpr double kept_a_round = 0.75;         // of the pieces
constexpr double spare = 1.1;                 // times the size asked for, until the last choice
constexpr double least_expected = 0.5;        // occurrences of a piece that stays

using Runs = std::unordered_map<std::u32string, std::int64_t>;

Runs count_runs(const std::vector<std::string>& texts) {
    Runs runs;
    for (const std::string& text : texts) {
        const std::u32string characters = to_code_points(text);
        for (const std::u32string_view run : script_runs(characters)) ++runs[std::u32string(run)];
    }
    return runs;
}

// The most frequent characters, as many as may be pieces.
std::unordered_set<char32_t> choose_alphabet(const Runs& runs, std::int64_t min_frequency, std::int64_t most) {
    std::map<char32_t, std::int64_t> counts;
    for (const auto& [run, count] : runs)
        for (const char32_t code : run) counts[code] += count;
    std::vector<std::pair<std::int64_t, char32_t>> order;
    for (const auto& [code, count] : counts)
        if (count >= min_frequency) order.emplace_back(-count, code);
    std::ranges::sort(order);
    order.resize(std::min(order.size(), static_cast<std::size_t>(most)));
    std::unordered_set<char32_t> alphabet;
    for (const auto& entry : order) alphabet.insert(entry.second);
    return alphabet;
}

// The runs in order, cut at characters outside the alphabet and where they grow too long.
WeightedWords make_words(const Runs& runs, const std::unordered_set<char32_t>& alphabet) {
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
    Trainer(parallel::Communicator& comm, const WeightedWords& words, const UnigramTrainerOptions& options)
        : comm_(comm), words_(words), options_(options), lattice_(make_lattice(words, options)) {}

    UnigramPieces train() {
        const auto most = static_cast<std::size_t>(static_cast<double>(options_.size) * spare);
        for (;;) {
            for (int step = 0; step < steps_a_round; ++step) improve();
            if (lattice_.pieces().size() <= most) return best();
            prune(std::max(most, static_cast<std::size_t>(static_cast<double>(lattice_.pieces().size()) * kept_a_round)));
        }
    }

  private:
    PieceLattice make_lattice(const WeightedWords& words, const UnigramTrainerOptions& options) {
        const RepeatedSubstrings repeated(words, static_cast<int>(options.longest_piece), options.min_frequency);
        comm_.check_peers();
        const auto seeds = choose_seeds(repeated.found(), options.most_seeds);
        PieceLattice lattice(words, repeated.suffixes(), seeds);
        // Each begins with what it covers.
        std::vector<double> covers(static_cast<std::size_t>(lattice.characters()));
        std::unordered_map<char32_t, std::size_t> number;
        for (std::size_t i = 0; i < covers.size(); ++i) number[words.characters[static_cast<std::size_t>(lattice.pieces()[i].place)]] = i;
        std::size_t at = 0;
        for (std::size_t word = 0; word < words.ends.size(); ++word)
            for (; at < static_cast<std::size_t>(words.ends[word]); ++at) covers[number[words.characters[at]]] += static_cast<double>(words.counts[word]);
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
        log_a_character_ = expected.log_likelihood / characters_in_all();
        counts_ = expected.counts;
        comm_.check_peers();
        std::vector<bool> expected_at_all(counts_.size());
        for (std::size_t i = 0; i < counts_.size(); ++i) expected_at_all[i] = counts_[i] >= least_expected;
        keep_only(expected_at_all);
        double all = 0;
        for (double& count : counts_) all += count = std::max(count, least_expected);  // characters stay, however rare
        const double log_all = boost::math::digamma(all);
        for (std::size_t i = 0; i < counts_.size(); ++i) scores_[i] = boost::math::digamma(counts_[i]) - log_all;
        base::log_debug("vocabulary: {} pieces, {:.4f} nats a character", counts_.size(), -log_a_character_);
    }

    // What the log likelihood loses, about, where other pieces stand for this one; below all losses where they stand for it
    // already.
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
            if (const double loss = loss_without(static_cast<std::int32_t>(i), all); loss >= 0) order.emplace_back(-loss, static_cast<std::int32_t>(i));
        comm_.check_peers();
        std::ranges::sort(order);
        order.resize(std::min(order.size(), most - std::min(most, static_cast<std::size_t>(lattice_.characters()))));
        std::vector<bool> kept(scores_.size());
        for (const auto& entry : order) kept[static_cast<std::size_t>(entry.second)] = true;
        keep_only(kept);
    }

    UnigramPieces best() const {
        std::vector<std::size_t> order(scores_.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        const auto text_of = [&](std::size_t piece) {
            const auto [place, length] = lattice_.pieces()[piece];
            return std::u32string_view(words_.characters).substr(static_cast<std::size_t>(place), static_cast<std::size_t>(length));
        };
        const auto likelier = [&](std::size_t a, std::size_t b) { return scores_[a] != scores_[b] ? scores_[a] > scores_[b] : text_of(a) < text_of(b); };
        std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
            return is_character(a) != is_character(b) ? is_character(a) : likelier(a, b);
        });
        order.resize(std::min(order.size(), static_cast<std::size_t>(options_.size)));
        std::ranges::sort(order, likelier);
        UnigramPieces pieces;
        for (const std::size_t piece : order) pieces.emplace_back(to_utf8(text_of(piece)), scores_[piece]);
        return pieces;
    }

    double characters_in_all() const {
        double characters = 0;
        std::int32_t begin = 0;
        for (std::size_t word = 0; word < words_.ends.size(); begin = words_.ends[word++])
            characters += static_cast<double>(words_.counts[word]) * (words_.ends[word] - begin);
        return characters;
    }

    parallel::Communicator& comm_;
    const WeightedWords& words_;
    const UnigramTrainerOptions& options_;
    std::vector<double> scores_, counts_;  // [pieces] log probabilities, and expected occurrences
    double log_a_character_ = -6;          // of the log likelihood
    PieceLattice lattice_;                 // made last: it fills scores_
};

}  // namespace

UnigramPieces train_unigram(parallel::Communicator& comm, const TextSource& source, const UnigramTrainerOptions& options) {
    if (options.size < 16)
        base::fail(base::ErrorKind::usage, "a vocabulary of {} pieces has no room for characters: ask for at least 16", options.size);
    const auto texts = sample_texts(comm, source, options.sample);
    UnigramPieces pieces;
    if (comm.is_root()) {
        const Runs runs = count_runs(texts);
        const auto alphabet =
            choose_alphabet(runs, options.min_frequency, options.most_characters > 0 ? options.most_characters : options.size * 3 / 4);
        const WeightedWords words = make_words(runs, alphabet);
        if (!words.ends.empty()) pieces = Trainer(comm, words, options).train();
    }
    auto found = static_cast<std::int64_t>(pieces.size());
    parallel::broadcast(comm, std::span(&found, 1));
    if (found == 0) base::fail(base::ErrorKind::input, "there is no text to make a vocabulary from");
    return pieces;
}

}  // namespace kohort::text
