// A unigram vocabulary from texts.
#include "text/unigram_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <set>

#include "base/error.h"
#include "random_text.h"
#include "ranked_texts.h"
#include "text/script_runs.h"
#include "text/unigram_files.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

using testing::Contains;
using testing::Not;

// Texts of a few words without spaces between them, with noise.
std::vector<std::string> corpus() {
    const std::vector<std::string> words{"手机壳", "运动鞋", "红烧肉", "贝拉克奥巴马", "的", "好", "running", "shoes", "蛋糕"};
    std::mt19937 random(9);
    RandomText noise(4);
    std::vector<std::string> texts;
    for (int i = 0; i < 500; ++i) {
        std::string text;
        for (int j = 0; j < 8; ++j) text += words[std::min<std::size_t>(random() % words.size(), random() % words.size())];
        texts.push_back(i % 10 == 0 ? noise.next() : text);
    }
    return texts;
}

std::vector<std::string> names(const UnigramPieces& pieces) {
    std::vector<std::string> result;
    for (const auto& piece : pieces) result.push_back(piece.first);
    return result;
}

TEST(UnigramTrainer, finds_words_where_no_space_is) {
    const auto texts = corpus();
    const auto pieces =
        on_ranks<UnigramPieces>(1, [&](auto& comm) { return train_unigram(comm, share(texts, 0, 1, false), {.size = 150}); });
    const auto found = names(pieces);
    for (const char* word : {"手机壳", "运动鞋", "红烧肉", "贝拉克奥巴马", "的", "好", "running", "shoes", "蛋糕", "贝"})
        EXPECT_THAT(found, Contains(word));
    EXPECT_EQ(std::set(found.begin(), found.end()).size(), found.size());
    EXPECT_LE(found.size(), 150u);
    EXPECT_GT(found.size(), 120u);
    EXPECT_TRUE(std::ranges::is_sorted(pieces, [](const auto& a, const auto& b) { return a.second > b.second; }));
    double all = 0;
    for (const auto& [text, score] : pieces) {
        all += std::exp(score);
        const std::u32string characters = to_code_points(text);
        EXPECT_EQ(script_runs(characters).size(), 1u) << text << " goes over the end of a run";
    }
    EXPECT_LE(all, 1.0);
    EXPECT_GT(all, 0.8);
}

TEST(UnigramTrainer, gives_the_same_pieces_on_any_number_of_ranks_and_threads) {
    const auto texts = corpus();
    UnigramPieces one;
    for (const std::int64_t sample : {std::int64_t{1} << 20, std::int64_t{6000}})
        for (const int ranks : {1, 2, 3, 5}) {
            UnigramTrainerOptions options{.size = 120, .threads = ranks};
            options.sample.most_bytes = sample;
            options.sample.normalize = [](std::string& text) { unigram_normalizer(true).normalize(text); };
            const auto found = on_ranks<UnigramPieces>(ranks, [&](auto& comm) {
                return train_unigram(comm, share(texts, comm.rank(), ranks, ranks % 2 == 0), options);
            });
            if (ranks == 1) one = found;
            EXPECT_FALSE(found.empty());
            EXPECT_EQ(found, one);
        }
}

// The training by its definition: every string, every way to cut every word.
class Reference {
  public:
    Reference(const std::vector<std::string>& texts, std::size_t size) {
        for (const std::string& text : std::set(texts.begin(), texts.end())) {
            const std::u32string characters = to_code_points(text);
            for (const auto run : script_runs(characters)) ++words_[std::u32string(run)];
        }
        begin();
        const auto most = static_cast<std::size_t>(static_cast<double>(size) * 1.1);
        for (;;) {
            improve();
            improve();
            if (scores_.size() <= most) break;
            prune(std::max(most, scores_.size() * 3 / 4));
        }
        std::vector<std::pair<double, std::u32string>> order;
        for (const auto& [piece, score] : scores_) order.emplace_back(piece.size() == 1 ? -INFINITY : -score, piece);
        std::ranges::sort(order);
        for (std::size_t i = size; i < order.size(); ++i) scores_.erase(order[i].second);
    }
    std::map<std::string, double> pieces() const {
        std::map<std::string, double> result;
        for (const auto& [piece, score] : scores_) result[to_utf8(piece)] = score;
        return result;
    }

  private:
    using Values = std::map<std::u32string, double>;

    void begin() {
        std::map<std::u32string, std::map<char32_t, std::int64_t>> followers;  // 0: the end of a word
        std::map<std::u32string, std::int64_t> ends;
        for (const auto& [word, count] : words_)
            for (std::size_t from = 0; from < word.size(); ++from)
                for (std::size_t length = 1; from + length <= word.size(); ++length) {
                    const auto end = from + length;
                    followers[word.substr(from, length)][end < word.size() ? word[end] : 0] += count;
                }
        double all = 0;
        for (const auto& [piece, next] : followers) {
            std::int64_t count = 0;
            for (const auto& follower : next) count += follower.second;
            const bool goes_on_alike = next.size() == 1 && next.begin()->first != 0;
            if (piece.size() == 1 || (count >= 2 && !goes_on_alike))
                all += scores_[piece] = static_cast<double>(count * static_cast<std::int64_t>(piece.size()));
        }
        for (auto& entry : scores_) entry.second = std::log(entry.second / all);
    }

    using Visit = std::function<void(const std::vector<std::u32string>&, double)>;
    void for_each_way(const std::u32string& word, std::vector<std::u32string>& way, double score, const Visit& visit) const {
        if (word.empty()) return visit(way, score);
        for (std::size_t length = 1; length <= word.size(); ++length)
            if (const auto found = scores_.find(word.substr(0, length)); found != scores_.end()) {
                way.push_back(found->first);
                for_each_way(word.substr(length), way, score + found->second, visit);
                way.pop_back();
            }
    }

    void improve() {
        counts_.clear();
        for (const auto& [word, count] : words_) {
            double all = 0;
            Values in_word;
            std::vector<std::u32string> way;
            for_each_way(word, way, 0, [&](const auto& taken, double score) {
                all += std::exp(score);
                for (const auto& piece : taken) in_word[piece] += std::exp(score);
            });
            for (const auto& [piece, sum] : in_word) counts_[piece] += static_cast<double>(count) * sum / all;
        }
        std::erase_if(counts_, [](const auto& entry) { return entry.first.size() > 1 && entry.second < 0.5; });
        double all = 0;
        for (auto& entry : counts_) all += entry.second = std::max(entry.second, 0.5);
        scores_.clear();
        for (const auto& [piece, count] : counts_) scores_[piece] = digamma(count) - digamma(all);
    }

    // By its recurrence and its asymptotic series.
    static double digamma(double x) {
        double below = 0;
        for (; x < 10; ++x) below += 1 / x;
        const double square = 1 / (x * x);
        return std::log(x) - 0.5 / x - square * (1.0 / 12 - square * (1.0 / 120 - square * (1.0 / 252 - square / 240))) - below;
    }

    void prune(std::size_t most) {
        double all = 0;
        for (const auto& entry : counts_) all += entry.second;
        std::vector<std::pair<double, std::u32string>> losses;
        std::size_t characters = 0;
        for (const auto& [piece, count] : counts_) {
            characters += piece.size() == 1;
            if (piece.size() == 1) continue;
            std::vector<std::u32string> way, best;
            double most_likely = -INFINITY;
            for_each_way(piece, way, 0, [&](const auto& taken, double score) {
                if (taken.size() == 1 || score <= most_likely) return;
                best = taken;
                most_likely = score;
            });
            if (most_likely > scores_[piece]) continue;
            const double with_parts = all + count * static_cast<double>(best.size() - 1);
            double log_parts = 0;
            for (const auto& part : best) log_parts += std::log((counts_[part] + count) / with_parts);
            losses.emplace_back(-std::max(count * (std::log(count / all) - log_parts), 0.0), piece);
        }
        std::ranges::sort(losses);
        losses.resize(std::min(losses.size(), most - characters));
        std::set<std::u32string> kept;
        for (const auto& loss : losses) kept.insert(loss.second);
        const auto goes = [&](const auto& entry) { return entry.first.size() > 1 && !kept.contains(entry.first); };
        std::erase_if(counts_, goes);
        std::erase_if(scores_, goes);
    }

    std::map<std::u32string, std::int64_t> words_;
    Values scores_, counts_;
};

TEST(UnigramTrainer, gives_the_pieces_of_a_plain_training) {
    std::mt19937 random(12);
    for (const std::int64_t size : {16, 20, 30}) {
        std::vector<std::string> texts;
        for (int i = 0; i < 300; ++i) {
            std::string text;
            for (std::size_t length = 2 + random() % 8; length > 0; --length)
                text += "abcdefg"[std::min(random() % 7, random() % 7)];
            texts.push_back(text);
        }
        const auto expected = Reference(texts, static_cast<std::size_t>(size)).pieces();
        const auto found = on_ranks<UnigramPieces>(
            2, [&](auto& comm) { return train_unigram(comm, share(texts, comm.rank(), 2, false), {.size = size}); });
        ASSERT_EQ(found.size(), expected.size());
        EXPECT_EQ(found.size(), static_cast<std::size_t>(size));
        for (const auto& [piece, score] : found) {
            ASSERT_TRUE(expected.contains(piece)) << piece;
            EXPECT_NEAR(score, expected.at(piece), 1e-5) << piece;
        }
    }
}

// A character that many texts have is a piece, although the sample has none of them.
TEST(UnigramTrainer, counts_characters_outside_the_sample_too) {
    std::vector<std::string> texts;
    for (int i = 0; i < 2000; ++i) texts.push_back("text " + std::to_string(i));
    for (int i = 0; i < 2; ++i) texts.push_back("the rare 龘");
    UnigramTrainerOptions options{.size = 40, .coverage = 1};
    options.sample.most_bytes = 200;
    const auto train = [&] {
        return on_ranks<UnigramPieces>(
            3, [&](auto& comm) { return train_unigram(comm, share(texts, comm.rank(), 3, false), options); });
    };
    const auto pieces = train();
    EXPECT_THAT(names(pieces), Contains("龘"));
    EXPECT_EQ(pieces.back().second,
              std::ranges::min_element(pieces, {}, [](const auto& piece) { return piece.second; })->second);
    texts.pop_back();
    EXPECT_THAT(names(train()), Not(Contains("龘")));
}

// Of 100 characters, white space aside, "c" and "d" make up 3 and 2: the rarest go as long as the others cover enough.
TEST(UnigramTrainer, leaves_the_rarest_characters_out) {
    std::vector<std::string> texts{std::string(80, 'a') + " " + std::string(15, 'b') + "   \t ccc", "dd"};
    UnigramTrainerOptions options{.size = 40};
    const auto characters = [&](double coverage) {
        options.coverage = coverage;
        const auto pieces = on_ranks<UnigramPieces>(
            2, [&](auto& comm) { return train_unigram(comm, share(texts, comm.rank(), 2, false), options); });
        std::set<std::string> found;
        for (const std::string& name : names(pieces))
            if (name.size() == 1) found.insert(name);
        return found;
    };
    using Characters = std::set<std::string>;
    EXPECT_EQ(characters(1), (Characters{"a", "b", "c", "d"}));
    EXPECT_EQ(characters(0.981), (Characters{"a", "b", "c", "d"}));
    EXPECT_EQ(characters(0.979), (Characters{"a", "b", "c"}));
    EXPECT_EQ(characters(0.951), (Characters{"a", "b", "c"}));
    EXPECT_EQ(characters(0.949), (Characters{"a", "b"}));
    EXPECT_EQ(characters(0.8), (Characters{"a"}));
    const double by_default = UnigramTrainerOptions().coverage;  // SentencePiece's
    texts = {std::string(9996, 'a'), "bbcc"};
    EXPECT_EQ(characters(by_default), (Characters{"a"}));
    texts = {std::string(9994, 'a'), "bbbccc"};
    EXPECT_EQ(characters(by_default), (Characters{"a", "b"}));
}

TEST(UnigramTrainer, keeps_characters_and_its_bounds) {
    // Six characters, of which the room is for three quarters of 16; "z" comes once.
    const std::vector<std::string> texts{"abcabcabc abc", "abd abd", "abcz", "ef ef"};
    const auto train = [&](UnigramTrainerOptions options) {
        return names(on_ranks<UnigramPieces>(
            2, [&](auto& comm) { return train_unigram(comm, share(texts, comm.rank(), 2, false), options); }));
    };
    const auto all = train({.size = 16});
    for (const char* character : {"a", "b", "c", "d", "e", "f"}) EXPECT_THAT(all, Contains(character));
    EXPECT_THAT(all, Not(Contains("z")));
    EXPECT_THAT(all, Contains("abc"));
    for (const std::string& piece : train({.size = 16, .longest_piece = 2})) EXPECT_LE(piece.size(), 2u);
    const auto few = train({.size = 16, .most_characters = 2});
    EXPECT_THAT(few, Contains("a"));
    EXPECT_THAT(few, Not(Contains("c")));
    EXPECT_THAT(few, Contains("ab"));

    const auto refuses = [&](base::ErrorKind kind, const std::vector<std::string>& given, std::int64_t size) {
        std::atomic<int> refused = 0;
        parallel::run_thread_ranks(3, [&](parallel::Communicator& comm) {
            try {
                train_unigram(comm, share(given, comm.rank(), 3, false), {.size = size});
            } catch (const base::Error& error) {
                EXPECT_EQ(error.kind(), kind);
                ++refused;
            }
        });
        EXPECT_EQ(refused, 3);
    };
    refuses(base::ErrorKind::usage, texts, 15);
    refuses(base::ErrorKind::input, {}, 100);
    refuses(base::ErrorKind::input, {" ", "\n", "x"}, 100);
}

}  // namespace
}  // namespace kohort::text
