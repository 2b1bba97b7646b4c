// What jemalloc itself says of the memory that it keeps.
#include "base/kept_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <jemalloc/jemalloc.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kohort::base {
namespace {

constexpr std::size_t large = 64 << 20, little = 8 << 20;

// Bytes that were freed and not given back to the system.
std::size_t kept_bytes() {
    const std::string of_all = "stats.arenas." + std::to_string(MALLCTL_ARENAS_ALL) + ".pdirty";
    std::uint64_t epoch = 1;
    std::size_t pages = 0, page = 0, size = sizeof epoch;
    mallctl("epoch", &epoch, &size, &epoch, sizeof epoch);  // statistics as of now
    size = sizeof pages;
    EXPECT_EQ(mallctl(of_all.c_str(), &pages, &size, nullptr, 0), 0);
    EXPECT_EQ(mallctl("arenas.page", &page, &size, nullptr, 0), 0);
    return pages * page;
}

void take_and_free(std::size_t bytes) {
    std::vector<char> memory(bytes, 1);
    __asm__ volatile("" : : "r"(memory.data()) : "memory");  // it is used
}

// How long pages are kept that were freed: of arenas to come, and of each there is.
std::vector<ssize_t> times() {
    std::vector<ssize_t> all;
    unsigned arenas = 0;
    std::size_t size = sizeof arenas;
    mallctl("arenas.narenas", &arenas, &size, nullptr, 0);
    for (int arena = -1; arena < static_cast<int>(arenas); ++arena) {
        ssize_t time = -2;  // an arena that is not in use has none
        size = sizeof time;
        const std::string name = arena < 0 ? "arenas." : "arena." + std::to_string(arena) + ".";
        mallctl((name + "dirty_decay_ms").c_str(), &time, &size, nullptr, 0);
        all.push_back(time);
    }
    return all;
}

TEST(KeptMemory, leaves_jemalloc_as_it_was) {
    take_and_free(large);  // of the arena of its own that is for such
    ssize_t unusual = 1234;
    ASSERT_EQ(mallctl("arena.0.dirty_decay_ms", nullptr, nullptr, &unusual, sizeof unusual), 0);
    const auto before = times();
    EXPECT_THAT(before, testing::Contains(unusual));
    EXPECT_THAT(before, testing::Contains(0)) << "the arena of large ones gives back at once";
    {
        const KeptMemory kept;
        EXPECT_THAT(times(), testing::Each(testing::AnyOf(-1, -2)));
    }
    EXPECT_EQ(times(), before);
}

TEST(KeptMemory, what_is_freed_stays_while_one_lives_and_goes_when_the_last_one_ends) {
    take_and_free(little / 2);  // not so large that jemalloc gives it back by itself
    EXPECT_GE(kept_bytes(), little / 4);
    auto outer = std::make_unique<KeptMemory>();
    EXPECT_LT(kept_bytes(), little / 4) << "what was free before goes back";
    {
        const KeptMemory inner;
        take_and_free(large);
        EXPECT_GE(kept_bytes(), large);
    }
    EXPECT_GE(kept_bytes(), large) << "the outer one lives";
    outer.reset();
    EXPECT_LT(kept_bytes(), little);
}

TEST(KeptMemory, goes_back_once_it_is_so_much_more_than_one_step_leaves) {
    KeptMemory kept;
    kept.bound(large);
    take_and_free(large);
    kept.bound(large);
    const std::size_t of_one_step = kept_bytes();
    EXPECT_GE(of_one_step, large);
    take_and_free(large);
    kept.bound(large);
    EXPECT_GE(kept_bytes(), of_one_step) << "a step that leaves no more";
    std::vector<std::vector<char>> held;
    for (int i = 0; i < 3; ++i) held.emplace_back(large, 1);
    held.clear();
    EXPECT_GT(kept_bytes(), of_one_step + large);
    kept.bound(large);
    EXPECT_LT(kept_bytes(), little) << "it all goes back";
    take_and_free(large);
    kept.bound(large);
    EXPECT_GE(kept_bytes(), large) << "and is kept again";
}

}  // namespace
}  // namespace kohort::base
