#include "parallel/failure_control.h"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>
#include <vector>

#include "parallel/thread_channel.h"

namespace kohort::parallel {
namespace {

using namespace std::chrono_literals;

// Ranks that part, each with its own failure or none; `missing` ranks never come.
struct Meeting {
    std::vector<std::string> reports;
    std::vector<Parting> partings;
};

Meeting part(const std::vector<std::optional<Failure>>& failures, const std::vector<int>& missing = {},
             const std::vector<int>& unclean = {}, std::chrono::milliseconds patience = 10s,
             std::chrono::milliseconds time_to_report = 0ms) {
    const auto contains = [](const std::vector<int>& list, int rank) {
        return std::find(list.begin(), list.end(), rank) != list.end();
    };
    Meeting meeting;
    meeting.partings.resize(failures.size());
    std::mutex mutex;
    auto channels = make_thread_channels(static_cast<int>(failures.size()));
    std::vector<std::thread> threads;
    for (std::size_t r = 0; r < failures.size(); ++r) {
        threads.emplace_back([&, r, channel = std::move(channels[r])]() mutable {
            if (contains(missing, static_cast<int>(r))) return;
            FailureControl control(std::move(channel));
            meeting.partings[r] =
                control.part(failures[r], !contains(unclean, static_cast<int>(r)), patience, [&](const Failure& failure) {
                    std::this_thread::sleep_for(time_to_report);
                    std::lock_guard lock(mutex);
                    meeting.reports.push_back(std::to_string(failure.exit_code) + " " + failure.message);
                });
        });
    }
    for (auto& thread : threads) thread.join();
    return meeting;
}

const std::optional<Failure> none;

TEST(FailureControl, the_lowest_failed_rank_is_reported_once_and_gives_the_code) {
    const auto meeting = part({none, none, Failure{3, "third"}, Failure{2, "fourth"}, none});
    EXPECT_EQ(meeting.reports, std::vector<std::string>{"3 third"});
    for (const auto& parting : meeting.partings) {
        EXPECT_EQ(parting.exit_code, 3);
        EXPECT_TRUE(parting.all_arrived);
        EXPECT_TRUE(parting.clean);
    }
}

TEST(FailureControl, one_rank_alone_parts_too) {
    EXPECT_EQ(part({Failure{4, "alone"}}).reports, std::vector<std::string>{"4 alone"});
}

TEST(FailureControl, operations_left_on_one_rank_are_known_to_all) {
    for (const auto& parting : part({none, Failure{3, "x"}, none}, {}, {2}).partings) {
        EXPECT_TRUE(parting.all_arrived);
        EXPECT_FALSE(parting.clean);
    }
}

TEST(FailureControl, a_missing_guest_costs_the_patience_only) {
    const auto meeting = part({none, Failure{3, "second"}, none}, {2}, {}, 200ms);
    EXPECT_EQ(meeting.reports, std::vector<std::string>{"3 second"});
    EXPECT_FALSE(meeting.partings[0].all_arrived);
    EXPECT_EQ(meeting.partings[0].exit_code, 3);
    EXPECT_EQ(meeting.partings[1].exit_code, 3);
}

TEST(FailureControl, without_rank_0_the_failed_rank_speaks_for_itself) {
    const auto meeting = part({none, none, Failure{2, "third"}}, {0}, {}, 200ms);
    EXPECT_EQ(meeting.reports, std::vector<std::string>{"2 third"});
    EXPECT_FALSE(meeting.partings[2].all_arrived);
    EXPECT_EQ(meeting.partings[2].exit_code, 2);
}

// Whoever speaks ends the job afterwards, which may take long: the others neither wait for that nor speak too.
TEST(FailureControl, without_rank_0_the_others_stay_silent_however_long_the_job_takes_to_end) {
    const auto meeting = part({none, Failure{3, "second"}, Failure{2, "third"}, none}, {0}, {}, 200ms, 1s);
    EXPECT_EQ(meeting.reports, std::vector<std::string>{"3 second"});
}

TEST(FailureControl, what_is_already_printed_is_not_printed_again) {
    auto channels = make_thread_channels(2);
    FailureControl first(std::move(channels[0])), second(std::move(channels[1]));
    first.announce_reported(1, 5);
    EXPECT_TRUE(second.peer_failed());  // the accused rank hears of it too
    std::thread guest([&] {
        EXPECT_EQ(second.part(none, true, 5s, [](const Failure&) { ADD_FAILURE(); }).exit_code, 5);
    });
    EXPECT_EQ(first.part(none, true, 5s, [](const Failure&) { ADD_FAILURE(); }).exit_code, 5);
    guest.join();
}

TEST(FailureControl, a_long_message_is_cut_not_lost) {
    const auto meeting = part({none, Failure{3, std::string(100000, 'x')}});
    ASSERT_EQ(meeting.reports.size(), 1u);
    EXPECT_TRUE(meeting.reports[0].starts_with("3 xxxxxxxx"));
    EXPECT_LT(meeting.reports[0].size(), 4096u);
}

TEST(FailureControl, ones_own_failure_frees_the_others_only) {
    auto channels = make_thread_channels(2);
    FailureControl first(std::move(channels[0])), second(std::move(channels[1]));
    EXPECT_FALSE(second.peer_failed());
    first.announce(3);
    EXPECT_FALSE(first.peer_failed());
    EXPECT_TRUE(first.any_failed());
    first.check();
    EXPECT_THROW(second.check(), PeerError);
    EXPECT_THROW(second.check(), PeerError);
}

}  // namespace
}  // namespace kohort::parallel
