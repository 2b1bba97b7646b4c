#include "base/memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

namespace kohort::base {
namespace {

TEST(Memory, what_is_available_fits_the_machine) {
    const auto available = available_memory();
    EXPECT_GT(available, 0);
    EXPECT_LE(available, std::int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGE_SIZE));
}

TEST(Memory, the_peak_grows_by_what_was_touched_and_stays) {
    constexpr std::int64_t bytes = 256 << 20;
    const auto before = peak_memory();
    { const std::vector<char> taken(bytes, 1); }
    EXPECT_GE(peak_memory(), before + bytes / 2);
}

}  // namespace
}  // namespace kohort::base
