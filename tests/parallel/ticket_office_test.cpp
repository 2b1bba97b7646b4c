#include "parallel/ticket_office.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <numeric>
#include <vector>

#include "parallel/thread_channel.h"

namespace kohort::parallel {
namespace {

// Runs body(office, control, rank) on thread-ranks that share nothing but channels, as processes do.
void run_offices(int ranks, const std::function<void(TicketOffice&, FailureControl&, int)>& body) {
    auto control_channels = make_thread_channels(ranks), ticket_channels = make_thread_channels(ranks);
    std::vector<std::unique_ptr<FailureControl>> controls;
    std::vector<std::unique_ptr<TicketOffice>> offices;  // the office on rank 0 outlives all claims
    for (int r = 0; r < ranks; ++r) {
        controls.push_back(std::make_unique<FailureControl>(std::move(control_channels[static_cast<std::size_t>(r)])));
        offices.push_back(
            std::make_unique<TicketOffice>(std::move(ticket_channels[static_cast<std::size_t>(r)]), *controls.back()));
    }
    std::vector<std::thread> threads;
    for (int r = 0; r < ranks; ++r)
        threads.emplace_back([&, r] { body(*offices[static_cast<std::size_t>(r)], *controls[static_cast<std::size_t>(r)], r); });
    for (auto& thread : threads) thread.join();
}

class TicketOfficeTest : public testing::TestWithParam<int> {};

TEST_P(TicketOfficeTest, counters_made_in_turn_are_each_complete) {
    constexpr int each = 200;
    std::mutex mutex;
    std::vector<std::vector<std::int64_t>> seen(3);
    run_offices(GetParam(), [&](TicketOffice& office, FailureControl&, int) {
        for (auto& tickets : seen) {
            const auto counter = office.make_counter();
            for (int i = 0; i < each; ++i) {
                const auto ticket = counter->next();
                std::lock_guard lock(mutex);
                tickets.push_back(ticket);
            }
        }
    });
    std::vector<std::int64_t> expected(static_cast<std::size_t>(GetParam() * each));
    std::iota(expected.begin(), expected.end(), 0);
    for (auto& tickets : seen) {
        std::sort(tickets.begin(), tickets.end());
        EXPECT_EQ(tickets, expected);
    }
}

TEST_P(TicketOfficeTest, rank_0_may_be_done_long_before_the_others) {
    std::atomic<bool> first_is_done{false};
    run_offices(GetParam(), [&](TicketOffice& office, FailureControl&, int rank) {
        const auto counter = office.make_counter();
        if (rank != 0)
            while (!first_is_done) std::this_thread::yield();
        else first_is_done = true;
        if (rank != 0) {
            EXPECT_GE(counter->next(), 0);
        }
    });
}

TEST_P(TicketOfficeTest, a_claim_waits_for_rank_0_but_not_for_a_failed_peer) {
    run_offices(GetParam(), [&](TicketOffice& office, FailureControl& control, int rank) {
        if (rank == 0) return control.announce(3);  // never makes the counter
        const auto counter = office.make_counter();
        EXPECT_THROW(counter->next(), PeerError);
    });
}

INSTANTIATE_TEST_SUITE_P(Ranks, TicketOfficeTest, testing::Values(1, 2, 3, 8));

}  // namespace
}  // namespace kohort::parallel
