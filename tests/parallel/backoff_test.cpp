#include "parallel/backoff.h"

#include <gtest/gtest.h>

namespace kohort::parallel {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, yields_at_first_and_never_adds_more_than_a_sixteenth_or_its_limit) {
    const Backoff backoff;
    EXPECT_EQ(backoff.pause_after(0us), 0us);
    EXPECT_EQ(backoff.pause_after(49us), 0us);
    Backoff::Duration last{0};
    for (Backoff::Duration waited = 50us; waited < 1min; waited = waited * 5 / 4) {
        const auto pause = backoff.pause_after(waited);
        EXPECT_GE(pause, last);
        EXPECT_GT(pause, 0us);
        EXPECT_LE(pause, std::max<Backoff::Duration>(waited / 16, 10us));
        EXPECT_LE(pause, 1ms);
        last = pause;
    }
    EXPECT_EQ(last, 1ms);
    EXPECT_EQ(Backoff(100us).pause_after(1h), 100us);
}

}  // namespace
}  // namespace kohort::parallel
