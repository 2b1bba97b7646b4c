// What people read of a stage's progress.
#include "base/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kohort::base {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string closing_line(std::int64_t before, std::int64_t done, const char* unit) {
    testing::internal::CaptureStderr();
    {
        Progress progress("stage", done, unit, true);
        progress.begin_at(before);
        progress.set(done);
        progress.finish();
    }
    return testing::internal::GetCapturedStderr();
}

TEST(Progress, counts_in_words) {
    EXPECT_EQ(counted(0, "steps"), "0 steps");
    EXPECT_EQ(counted(1, "steps"), "1 step");
    EXPECT_EQ(counted(12345, "steps"), "12,345 steps");
    EXPECT_EQ(human_bytes(1), "1 byte");
    EXPECT_EQ(human_bytes(900), "900 bytes");
    EXPECT_EQ(human_bytes(64 << 10), "64 KiB");
    EXPECT_EQ(human_bytes(512 << 20), "512 MiB");
    EXPECT_EQ(human_bytes(std::int64_t{3} << 29), "1.5 GiB");
}

TEST(Progress, has_no_rate_of_what_was_done_before) {
    EXPECT_THAT(closing_line(0, 1, "steps"), HasSubstr("stage: 1 step in "));
    const std::string resumed = closing_line(1'000'000, 1'000'000, "steps");
    EXPECT_THAT(resumed, HasSubstr("1,000,000 steps, 0 of them now"));
    EXPECT_THAT(resumed, HasSubstr(" 0.00 steps/s"));
    const std::string fresh = closing_line(0, 64 << 20, "bytes");
    EXPECT_THAT(fresh, HasSubstr("stage: 64 MiB in "));
    EXPECT_THAT(fresh, Not(HasSubstr("now")));
}

}  // namespace
}  // namespace kohort::base
