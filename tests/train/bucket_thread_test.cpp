// Jobs beside the computation: in order, each when it is released, and what happens when one fails.
#include "train/bucket_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

namespace kohort::train {
namespace {

TEST(BucketThread, keeps_to_the_order_whatever_is_released_first) {
    std::vector<std::int64_t> done;
    std::atomic<std::int64_t> count{0};
    BucketThread thread([&](std::int64_t job) {
        done.push_back(job);
        ++count;
    });
    for (int round = 0; round < 20; ++round) {
        done.clear();
        count = 0;
        thread.begin(5);
        thread.release(2);
        thread.release(1);
        thread.release(4);
        EXPECT_EQ(count, 0);
        thread.release(0);
        while (count < 3) std::this_thread::yield();  // 0, 1 and 2 need no finish()
        thread.finish();
        EXPECT_EQ(done, (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
    }
}

TEST(BucketThread, a_round_may_be_empty_or_left_unfinished) {
    std::atomic<int> count{0};
    {
        BucketThread thread([&](std::int64_t) { ++count; });
        thread.begin(0);
        thread.finish();
        thread.begin(3);
        thread.release(1);
        thread.begin(2);
        thread.finish();
        EXPECT_EQ(count, 2);
        thread.begin(4);
        thread.release(3);
    }
    EXPECT_EQ(count, 2);
}

TEST(BucketThread, what_a_job_throws_comes_out_of_finish_and_no_job_follows) {
    std::atomic<int> count{0};
    BucketThread thread([&](std::int64_t job) {
        ++count;
        if (job == 1) throw std::runtime_error("broken");
    });
    thread.begin(4);
    thread.release(0);
    EXPECT_THROW(thread.finish(), std::runtime_error);
    EXPECT_EQ(count, 2);
    thread.begin(1);
    thread.finish();
    EXPECT_EQ(count, 3);
}

}  // namespace
}  // namespace kohort::train
