#include "segment/term_table.h"

#include <gmock/gmock.h>

#include <cmath>
#include <mutex>

#include "parallel/collectives.h"
#include "parallel/thread_communicator.h"

namespace kohort::segment {
namespace {

struct User {
    std::int32_t segment;
    std::vector<std::string> texts;
};

// Segment 0 speaks of tennis, 1 of cooking, 2 of new york; "weather" is everywhere.
std::vector<User> corpus() {
    std::vector<User> users;
    for (int i = 0; i < 12; ++i) {
        users.push_back({0, {"tennis weather", "tennis racket"}});
        users.push_back({1, {"cooking weather", "cooking noodles", "noodles"}});
        users.push_back({2, {"new york weather", "york tower"}});
    }
    return users;
}

std::vector<std::vector<Term>> terms_at(int ranks, const TermOptions& options = {}) {
    std::vector<std::vector<Term>> result;
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        TermTable table(comm, 3);
        const TermExtractor extractor;
        const auto users = corpus();
        for (std::size_t i = 0; i < users.size(); ++i) {
            // The last rank gets nothing where there are several: an empty shard.
            const auto owner = ranks == 1 ? 0 : static_cast<int>(i * i) % (ranks - 1);
            if (owner != comm.rank()) continue;
            const std::vector<std::string_view> texts(users[i].texts.begin(), users[i].texts.end());
            table.add_user(extractor, users[i].segment, texts);
        }
        table.exchange();
        const auto best = table.best_terms(options);
        std::lock_guard lock(mutex);
        if (comm.rank() == 0) result = best;
    });
    return result;
}

std::string as_text(const std::vector<std::vector<Term>>& terms) {
    std::string text;
    for (const auto& segment : terms)
        for (const auto& t : segment)
            text += fmt::format("{} {:.6f} {:.6f} {:.6f} {} {}\n", t.text, t.score, t.lift, t.user_lift, t.texts, t.users);
    return text;
}

TEST(TermTable, the_telling_terms_come_first) {
    const auto terms = terms_at(1);
    EXPECT_EQ(terms[0].front().text, "tennis");
    for (const auto& segment : terms) EXPECT_NE(segment.front().text, "weather");
}

TEST(TermTable, score_and_lift_follow_their_definition) {
    const auto terms = terms_at(1);
    const auto& tennis = terms[0].front();
    // 24 texts of segment 0 hold it, of 24 texts there and 84 in all; terms that occur: tennis 24, weather 12,
    // "tennis weather" 12, racket 12, "tennis racket" 12 in segment 0.
    EXPECT_EQ(tennis.texts, 24);
    EXPECT_EQ(tennis.users, 12);
    EXPECT_NEAR(tennis.lift, (24.0 / 24.0) / (24.0 / 84.0), 1e-6);
    EXPECT_NEAR(tennis.user_lift, 3.0, 1e-6);
}

TEST(TermTable, a_phrase_takes_the_place_of_its_parts) {
    const auto terms = terms_at(1);
    std::vector<std::string> words, phrases;
    for (const auto& term : terms[1]) words.push_back(term.text);
    for (const auto& term : terms[0]) phrases.push_back(term.text);
    // "noodles" stands alone half of the time, "racket" only in "tennis racket".
    EXPECT_THAT(words, testing::Contains("noodles"));
    EXPECT_THAT(phrases, testing::Not(testing::Contains("racket")));
}

TEST(TermTable, rare_terms_are_chance) {
    TermOptions options;
    options.least_texts = 13;
    for (const auto& segment : terms_at(2, options))
        for (const auto& term : segment) EXPECT_GE(term.texts, 13);
}

TEST(TermTable, ranks_and_shards_change_nothing) {
    const auto one = as_text(terms_at(1));
    ASSERT_FALSE(one.empty());
    for (const int ranks : {2, 3, 5, 8}) EXPECT_EQ(as_text(terms_at(ranks)), one) << ranks;
}

TEST(TermTable, log_lifts_rise_where_a_term_is_at_home) {
    parallel::run_thread_ranks(3, [](parallel::Communicator& comm) {
        TermTable table(comm, 3);
        const TermExtractor extractor;
        for (const auto& user : corpus()) {
            if (comm.rank() != 1) break;
            const std::vector<std::string_view> texts(user.texts.begin(), user.texts.end());
            table.add_user(extractor, user.segment, texts);
        }
        table.exchange();
        const auto lifts = table.log_lifts({"cooking", "unheard-of"});
        EXPECT_NEAR(lifts[0][1], std::log((24 + 0.5) / (24.0 * 36 / 84 + 0.5)), 1e-6);
        EXPECT_LT(lifts[0][0], 0);
        EXPECT_EQ(lifts[1], (std::vector<double>{0, 0, 0}));
    });
}

}  // namespace
}  // namespace kohort::segment
