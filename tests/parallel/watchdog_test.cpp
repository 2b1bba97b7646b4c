#include "parallel/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "parallel/activity_table.h"
#include "parallel/thread_channel.h"

namespace kohort::parallel {
namespace {

using namespace std::chrono_literals;

class ActivityTableTest : public testing::Test {
  protected:
    // Looks at the table every half second of a made-up clock, while `active` ranks report.
    std::optional<int> pass(std::chrono::milliseconds time, const std::vector<int>& active) {
        for (const auto end = now_ + time; now_ < end; now_ += 500ms) {
            ++beats_;
            for (const int rank : active) table_.report(rank, beats_, now_);
            if (const auto silent = table_.silent_rank(now_)) return silent;
        }
        return std::nullopt;
    }

    ActivityTable::Time now_{1h};
    std::uint64_t beats_ = 0;
    ActivityTable table_{3, 10s, now_};
};

TEST_F(ActivityTableTest, names_the_rank_that_stands_still) {
    EXPECT_EQ(pass(60s, {0, 1, 2}), std::nullopt);
    EXPECT_EQ(pass(9s, {0, 2}), std::nullopt);
    EXPECT_EQ(pass(3s, {0, 2}), 1);
}

TEST_F(ActivityTableTest, a_rank_that_never_reported_is_silent_too) { EXPECT_EQ(pass(11s, {0, 1}), 2); }

TEST_F(ActivityTableTest, a_report_without_new_beats_is_no_sign_of_life) {
    for (int i = 0; i < 20; ++i, now_ += 500ms) {
        table_.report(0, 5, now_);
        EXPECT_EQ(table_.silent_rank(now_), std::nullopt);
    }
    EXPECT_EQ(pass(2s, {1, 2}), 0);
}

TEST_F(ActivityTableTest, one_sign_of_life_starts_the_time_again) {
    EXPECT_EQ(pass(9s, {0, 2}), std::nullopt);
    EXPECT_EQ(pass(1s, {0, 1, 2}), std::nullopt);
    EXPECT_EQ(pass(9s, {0, 2}), std::nullopt);
}

TEST_F(ActivityTableTest, a_gap_in_looking_is_held_against_nobody) {
    EXPECT_EQ(pass(5s, {0, 1}), std::nullopt);
    now_ += 1h;  // the whole job was suspended
    EXPECT_EQ(pass(4s, {0, 1}), std::nullopt);
    EXPECT_EQ(pass(4s, {0, 1}), 2);  // but what it had been silent for before still counts
}

// Each rank has a counter that a test can stop; what is printed and which ranks end the job is seen from outside.
class WatchdogTest : public testing::Test {
  protected:
    struct Rank {
        std::unique_ptr<FailureControl> control;
        std::atomic<bool> active{true};
        std::atomic<std::uint64_t> beats{0};
        std::atomic<int> ended_with{-1};
        std::unique_ptr<Watchdog> watchdog;
    };

    void start(int count) {
        auto control = make_thread_channels(count), reports = make_thread_channels(count);
        for (int r = 0; r < count; ++r) {
            auto& rank = *ranks_.emplace_back(std::make_unique<Rank>());
            rank.control = std::make_unique<FailureControl>(std::move(control[static_cast<std::size_t>(r)]));
            rank.watchdog = std::make_unique<Watchdog>(
                std::move(reports[static_cast<std::size_t>(r)]), *rank.control, 1s, 100ms,
                [&rank] { return rank.active ? ++rank.beats : rank.beats.load(); },
                [&rank](int code) { rank.ended_with = code; });
        }
    }

    template <class Condition>
    static void wait_until(const Condition& condition) {
        for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(5ms);
        EXPECT_TRUE(condition());
    }

    std::vector<std::unique_ptr<Rank>> ranks_;
};

TEST_F(WatchdogTest, active_ranks_are_left_alone) {
    start(3);
    std::this_thread::sleep_for(1500ms);
    for (const auto& rank : ranks_) EXPECT_FALSE(rank->control->any_failed());
}

TEST_F(WatchdogTest, a_silent_rank_is_reported_once_and_all_hear_of_it) {
    for (const int silent : {0, 2}) {
        ranks_.clear();
        start(3);
        testing::internal::CaptureStderr();
        ranks_[static_cast<std::size_t>(silent)]->active = false;
        for (const auto& rank : ranks_) wait_until([&] { return rank->control->peer_failed(); });
        wait_until([&] { return ranks_[0]->ended_with == 5; });
        const auto text = testing::internal::GetCapturedStderr();
        EXPECT_TRUE(text.starts_with("error: rank " + std::to_string(silent) + " on ")) << text;
        EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
        for (const auto& rank : ranks_) {
            try {
                rank->control->check();
                ADD_FAILURE() << "no error";
            } catch (const PeerError& error) {
                EXPECT_EQ(error.rank(), silent);
                EXPECT_EQ(error.exit_code(), 5);
            }
        }
    }
}

TEST_F(WatchdogTest, rank_1_notices_that_rank_0_no_longer_reports) {
    start(2);
    testing::internal::CaptureStderr();
    ranks_[0]->watchdog.reset();  // as if the process stood still
    wait_until([&] { return ranks_[1]->ended_with == 5; });
    EXPECT_TRUE(testing::internal::GetCapturedStderr().starts_with("error: rank 0 on "));
}

TEST_F(WatchdogTest, a_known_failure_is_not_reported_again_but_the_job_ends) {
    start(2);
    testing::internal::CaptureStderr();
    ranks_[0]->control->announce(3);
    ranks_[1]->active = false;
    wait_until([&] { return ranks_[0]->ended_with == 5; });
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace kohort::parallel
