// A unigram vocabulary from texts: the sample, the runs that pieces may lie in, training, and the files.
#include "text/unigram_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <random>
#include <set>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "parallel/thread_communicator.h"
#include "random_text.h"
#include "temporary_folder.h"
#include "text/script_runs.h"
#include "text/text_marks.h"
#include "text/tokenizer.h"
#include "text/unigram_files.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

std::vector<std::string> runs_of(std::string_view text) {
    std::vector<std::string> runs;
    const std::u32string characters = to_code_points(text);
    for (const auto run : script_runs(characters)) runs.push_back(to_utf8(run));
    return runs;
}

TEST(ScriptRuns, end_where_the_script_does) {
    EXPECT_THAT(runs_of("iPhone15手机壳,新款!! 3.5寸"), ElementsAre("iPhone", "15", "手机壳", ",", "新款", "!", "!", "3", ".", "5", "寸"));
    EXPECT_THAT(runs_of("東京タワーへ々〇 Ωмир"), ElementsAre("東京タワーへ々〇", "Ω", "мир"));
    EXPECT_THAT(runs_of("e\u0301te\u0301 \u0301x"), ElementsAre("e\u0301te\u0301", "\u0301", "x"));
    EXPECT_THAT(runs_of("\u3000 a\u00A0b\u2028c\t"), ElementsAre("a", "b", "c"));
    EXPECT_THAT(runs_of("①२४½Ⅷ😀👍"), ElementsAre("①२४½Ⅷ", "😀", "👍"));
    EXPECT_TRUE(runs_of("").empty());
}

// Texts dealt to ranks unevenly; the last of several has none.
TextSource share(const std::vector<std::string>& texts, int rank, int ranks, bool reversed) {
    return [&texts, rank, ranks, reversed](const std::function<void(std::string_view)>& each) {
        for (std::size_t k = 0; k < texts.size(); ++k) {
            const std::size_t i = reversed ? texts.size() - 1 - k : k;
            const int owner = ranks == 1 || i % 3 == 0 ? 0 : static_cast<int>(i) % (ranks - 1);
            if (owner == rank) each(texts[i]);
        }
    };
}

template <class Result>
Result on_ranks(int ranks, const std::function<Result(parallel::Communicator&)>& body) {
    Result root{};
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        Result mine = body(comm);
        const std::lock_guard lock(mutex);
        if (comm.is_root()) root = std::move(mine);
        else EXPECT_TRUE(mine.empty()) << "only rank 0 has a result";
    });
    return root;
}

TEST(TextSample, is_the_lowest_hashes_that_fit) {
    RandomText noise(3);
    std::vector<std::string> texts;
    for (int i = 0; i < 300; ++i) texts.push_back(i % 4 == 0 ? "again " + std::to_string(i % 20) : noise.next());
    TextSampleOptions options;
    options.longest_text = 30;
    options.normalize = [](std::string& text) { text += '.'; };
    // By its definition.
    std::set<std::pair<std::uint64_t, std::string>> all;
    std::int64_t everything = 0;
    for (const std::string& text : texts) {
        const std::string cut(cut_to_bytes(repair_utf8(text) + '.', 30));
        if (all.emplace(base::hash64(cut, 7), cut).second) everything += static_cast<std::int64_t>(cut.size());
    }
    ASSERT_GT(everything, 2000);
    for (const std::int64_t most : {everything, everything - 1, std::int64_t{1000}, std::int64_t{31}, std::int64_t{1}, std::int64_t{0}}) {
        options.most_bytes = most;
        std::vector<std::string> expected;
        std::int64_t bytes = 0;
        for (const auto& [hash, text] : all) {
            bytes += static_cast<std::int64_t>(text.size());
            if (bytes > most) break;
            expected.push_back(text);
        }
        std::ranges::sort(expected);
        for (const int ranks : {1, 2, 3, 5})
            EXPECT_EQ(on_ranks<std::vector<std::string>>(
                          ranks, [&](auto& comm) { return sample_texts(comm, share(texts, comm.rank(), ranks, ranks == 3), options); }),
                      expected)
                << most << " bytes on " << ranks << " ranks";
    }
}

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
    const auto pieces = on_ranks<UnigramPieces>(1, [&](auto& comm) { return train_unigram(comm, share(texts, 0, 1, false), {.size = 150}); });
    const auto found = names(pieces);
    for (const char* word : {"手机壳", "运动鞋", "红烧肉", "贝拉克奥巴马", "的", "好", "running", "shoes", "蛋糕", "贝"}) EXPECT_THAT(found, Contains(word));
    EXPECT_EQ(std::set(found.begin(), found.end()).size(), found.size());
    EXPECT_LE(found.size(), 150u);
    EXPECT_GT(found.size(), 120u);
    EXPECT_TRUE(std::ranges::is_sorted(pieces, [](const auto& a, const auto& b) { return a.second > b.second; }));
    double all = 0;
    for (const auto& [text, score] : pieces) {
        all += std::exp(score);
        EXPECT_EQ(runs_of(text).size(), 1u) << text << " goes over the end of a run";
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
            const auto found = on_ranks<UnigramPieces>(
                ranks, [&](auto& comm) { return train_unigram(comm, share(texts, comm.rank(), ranks, ranks % 2 == 0), options); });
            if (ranks == 1) one = found;
            EXPECT_FALSE(found.empty());
            EXPECT_EQ(found, one);
        }
}

TEST(UnigramTrainer, keeps_characters_and_its_bounds) {
    // Six characters, of which the room is for three quarters of 16; "z" comes once.
    const std::vector<std::string> texts{"abcabcabc abc", "abd abd", "abcz", "ef ef"};
    const auto train = [&](UnigramTrainerOptions options) {
        return names(on_ranks<UnigramPieces>(2, [&](auto& comm) { return train_unigram(comm, share(texts, comm.rank(), 2, false), options); }));
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

TEST(UnigramFiles, give_a_tokenizer_of_the_pieces) {
    const TemporaryFolder folder;
    const UnigramPieces pieces{{"手机", -2}, {"壳", -3}, {"手", -4}, {"机壳", -4.5}, {"ab", -5}, {"a", -6}, {"b", -6.5}, {"!", -7}};
    save_unigram(pieces, true, 2, folder.path(), 128);
    const auto tokenizer = load_tokenizer(folder.path());
    EXPECT_EQ(tokenizer->vocabulary_size(), static_cast<std::int64_t>(pieces.size()) + unigram_tokens_added(2));
    EXPECT_EQ(tokenizer->special().pad, 0);
    EXPECT_EQ(tokenizer->special().unknown, 1);
    EXPECT_EQ(tokenizer->special().mask, 4);
    EXPECT_THAT(find_text_marks(*tokenizer).sentinels, ElementsAre(14, 13));
    EXPECT_EQ(tokenizer->token(5), "手机");
    const auto ids = [&](std::string_view text) { return tokenizer->encode_for_model(text, 99); };
    EXPECT_THAT(ids("手机壳 ＡＢ！"), ElementsAre(2, 5, 6, 9, 12, 3));       // NFKC, then small letters
    EXPECT_THAT(ids("手\u3000机壳"), ElementsAre(2, 7, 8, 3));               // white space cuts
    EXPECT_THAT(ids("壳xyz壳"), ElementsAre(2, 6, 1, 6, 3));                 // a row of unknown characters is one token
    EXPECT_THAT(ids("a[MASK]b"), ElementsAre(2, 10, 4, 11, 3));
    EXPECT_THAT(ids(""), ElementsAre(2, 3));
    EXPECT_THAT(tokenizer->encode_pair_for_model("a", "b", 9), ElementsAre(2, 10, 3, 11, 3));

    // Again the same bytes, and a tokenizer saved is the one that was read.
    const TemporaryFolder again, saved;
    save_unigram(pieces, true, 2, again.path(), 128);
    tokenizer->save(saved.path(), 128);
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}) {
        EXPECT_EQ(base::read_file(again.path() / name), base::read_file(folder.path() / name));
        EXPECT_EQ(base::read_file(saved.path() / name), base::read_file(folder.path() / name));
    }
    save_unigram(pieces, false, 0, again.path(), 128);
    EXPECT_THAT(load_tokenizer(again.path())->encode_for_model("AB", 99), ElementsAre(2, 1, 3));
}

}  // namespace
}  // namespace kohort::text
