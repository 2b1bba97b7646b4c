// Trainings that run away are found, and those that only shake are not.
#include "train/loss_watch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "base/error.h"

namespace kohort::train {
namespace {

// The step at which the watch stops a training with this loss, or -1.
std::int64_t stopped_at(LossWatch watch, const std::function<double(std::int64_t)>& loss, std::int64_t first = 0) {
    for (std::int64_t step = first; step < 1000; ++step) {
        try {
            watch.add(step, loss(step));
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::internal);
            EXPECT_NE(std::string(error.what()).find(std::to_string(step)), std::string::npos);
            return step;
        }
    }
    return -1;
}

TEST(LossWatch, leaves_normal_trainings_alone) {
    std::mt19937 random(3);
    std::normal_distribution<double> noise;
    EXPECT_EQ(stopped_at(LossWatch(3), [&](std::int64_t step) { return 9 * std::exp(-0.01 * static_cast<double>(step)) + 0.3 + 0.1 * std::abs(noise(random)); }), -1);
    // Nothing is learned; a rise in the warm-up; a fine-tuning that starts with next to no loss and shakes; rare peaks.
    EXPECT_EQ(stopped_at(LossWatch(3), [&](std::int64_t) { return 5.25 + 0.2 * noise(random); }), -1);
    EXPECT_EQ(stopped_at(LossWatch(3), [](std::int64_t step) { return step < 60 ? 2.0 + 0.04 * static_cast<double>(step) : 1.5; }), -1);
    EXPECT_EQ(stopped_at(LossWatch(3), [&](std::int64_t) { return 0.001 * std::exp(1.5 * noise(random)); }), -1);
    EXPECT_EQ(stopped_at(LossWatch(3), [](std::int64_t step) { return step % 100 == 50 ? 40.0 : 2.0; }), -1);
}

TEST(LossWatch, finds_what_is_no_number_at_once) {
    for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
        for (const double factor : {3.0, 0.0})
            EXPECT_EQ(stopped_at(LossWatch(factor), [bad](std::int64_t step) { return step == 7 ? bad : 2.0; }), 7);
}

TEST(LossWatch, finds_a_loss_that_grows_and_one_that_falls_back) {
    const auto grows = [](std::int64_t step) { return step < 200 ? 4.0 : 4.0 + 0.5 * static_cast<double>(step - 200); };
    EXPECT_GT(stopped_at(LossWatch(3), grows), 200);
    EXPECT_EQ(stopped_at(LossWatch(0), grows), -1);
    const auto falls_back = [](std::int64_t step) { return step == 0 ? 9.0 : step < 300 ? 3.0 : 10.0; };
    const auto found = stopped_at(LossWatch(3), falls_back);
    EXPECT_GE(found, 300);
    EXPECT_LE(found, 332);
    // A language model that is left with the words' frequencies alone.
    const auto collapses = [](std::int64_t step) { return step == 0 ? 9.4 : step < 300 ? 2.0 : 7.0; };
    EXPECT_GT(stopped_at(LossWatch(3), collapses), 300);
    const auto recovers = [](std::int64_t step) { return step == 0 ? 9.4 : step < 300 ? 2.0 : step < 310 ? 7.0 : 2.0; };
    EXPECT_EQ(stopped_at(LossWatch(3), recovers), -1);
}

// Of a contrastive training whose vectors have all become one, the loss is the logarithm of the number of candidates.
TEST(LossWatch, finds_vectors_that_have_all_become_one) {
    const double chance = std::log(64.0);
    const auto stopped = [&](const std::function<double(std::int64_t)>& loss, double factor = 3) {
        LossWatch watch(factor);
        for (std::int64_t step = 0; step < 300; ++step) {
            try {
                watch.add(step, loss(step), chance);
            } catch (const base::Error& error) {
                EXPECT_NE(std::string(error.what()).find("equal vectors"), std::string::npos);
                return step;
            }
        }
        return std::int64_t{-1};
    };
    EXPECT_EQ(stopped([&](std::int64_t step) { return step < 3 ? 4.0 : chance * (1 + 1e-5 * static_cast<double>(step % 7)); }), 34);
    EXPECT_EQ(stopped([&](std::int64_t step) { return step < 3 ? 4.0 : chance; }, 0), -1) << "it is not looked for";
    EXPECT_EQ(stopped([&](std::int64_t) { return chance; }), -1) << "nothing was ever known";
    EXPECT_EQ(stopped([&](std::int64_t step) { return step % 30 == 0 ? 4.0 : chance; }), -1) << "it comes back";
    EXPECT_EQ(stopped([&](std::int64_t step) { return chance * (1 + (step % 2 == 0 ? 2e-3 : -2e-3)) - (step == 0 ? 1 : 0); }), -1);
    LossWatch before(3), after(3);
    before.add(0, 3, chance);
    for (int step = 1; step < 20; ++step) before.add(step, chance, chance);
    after.restore(before.state());
    for (int step = 20; step < 32; ++step) after.add(step, chance, chance);
    EXPECT_THROW(after.add(32, chance, chance), base::Error) << "a checkpoint keeps the count";
}

// Wherever it is interrupted: within the first window, in the midst, and just before the end.
TEST(LossWatch, a_resumed_training_ends_where_an_uninterrupted_one_does) {
    const auto falls_back = [](std::int64_t step) { return step == 0 ? 9.0 : step < 300 ? 3.0 : 9.0 + 0.1 * static_cast<double>(step % 11); };
    const auto whole = stopped_at(LossWatch(3), falls_back);
    ASSERT_GT(whole, 300);
    EXPECT_TRUE(LossWatch(3).state().empty());
    for (const std::int64_t interrupted : {std::int64_t{1}, std::int64_t{20}, std::int64_t{250}, std::int64_t{310}, whole}) {
        LossWatch before(3), after(3);
        for (std::int64_t step = 0; step < interrupted; ++step) before.add(step, falls_back(step));
        after.restore(before.state());
        EXPECT_EQ(stopped_at(after, falls_back, interrupted), whole) << "interrupted at " << interrupted;
    }
}

}  // namespace
}  // namespace kohort::train
