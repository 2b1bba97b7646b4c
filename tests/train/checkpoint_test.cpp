// Checkpoints come back as they were, and a damaged one is passed over.
#include "train/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "parallel/thread_communicator.h"
#include "temporary_folder.h"

namespace kohort::train {
namespace {

TrainingState state_of(double value, std::int64_t step) {
    return {step, {{"a", torch::full({2, 3}, value)}, {"b", torch::full({4}, value / 3)}}, {static_cast<float>(value) / 7, 0.0F},
            {{0, value}, {step, value / 9}}};
}

void flip_a_byte(const std::filesystem::path& path, std::size_t at) {
    std::string bytes = base::read_file(path);
    bytes[at % bytes.size()] = static_cast<char>(bytes[at % bytes.size()] ^ 0x10);
    std::ofstream(path, std::ios::binary) << bytes;
}

TEST(Checkpoint, comes_back_on_every_rank_as_it_was) {
    const TemporaryFolder folder;
    parallel::run_thread_ranks(3, [&](parallel::Communicator& comm) {
        CheckpointFolder checkpoints(comm, folder.path() / "checkpoint", "contrastive", "key");
        auto state = state_of(0, 0);
        EXPECT_FALSE(checkpoints.load_newest(state));
        checkpoints.save(state_of(1.1, 40));
        ASSERT_TRUE(checkpoints.load_newest(state));
        EXPECT_EQ(state.step, 40);
        EXPECT_TRUE(torch::equal(state.tensors[0].value, torch::full({2, 3}, 1.1)));
        EXPECT_TRUE(torch::equal(state.tensors[1].value, torch::full({4}, 1.1 / 3)));
        EXPECT_EQ(state.recent_largest, state_of(1.1, 40).recent_largest);
        EXPECT_EQ(state.loss, state_of(1.1, 40).loss);
    });
}

TEST(Checkpoint, the_last_two_are_kept) {
    const TemporaryFolder folder;
    const auto comm = parallel::make_single_communicator();
    CheckpointFolder checkpoints(*comm, folder.path(), "contrastive", "key");
    for (const std::int64_t step : {9, 10, 100}) checkpoints.save(state_of(1, step));
    const auto files = checkpoints.files();
    ASSERT_EQ(files.size(), 2U);
    EXPECT_NE(files[1].string().find("100"), std::string::npos);
}

TEST(Checkpoint, one_with_a_flipped_byte_anywhere_is_passed_over_for_the_one_before) {
    const TemporaryFolder folder;
    const auto comm = parallel::make_single_communicator();
    CheckpointFolder checkpoints(*comm, folder.path(), "contrastive", "key");
    checkpoints.save(state_of(1, 10));
    checkpoints.save(state_of(2, 20));
    const auto newest = checkpoints.files().back();
    const std::string sound = base::read_file(newest);
    for (std::size_t at = 0; at < sound.size(); at += 7) {
        flip_a_byte(newest, at);
        auto state = state_of(0, 0);
        testing::internal::CaptureStderr();
        EXPECT_TRUE(checkpoints.load_newest(state)) << at;
        const std::string log = testing::internal::GetCapturedStderr();
        EXPECT_EQ(state.step, 10) << at;
        EXPECT_NE(log.find(newest.filename().string()), std::string::npos) << log;
        std::ofstream(newest, std::ios::binary) << sound;
    }
}

TEST(Checkpoint, one_that_is_cut_off_is_passed_over) {
    const TemporaryFolder folder;
    const auto comm = parallel::make_single_communicator();
    CheckpointFolder checkpoints(*comm, folder.path(), "contrastive", "key");
    checkpoints.save(state_of(1, 10));
    const std::string sound = base::read_file(checkpoints.files().back());
    for (const std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{30}, sound.size() / 2, sound.size() - 1}) {
        std::ofstream(checkpoints.files().back(), std::ios::binary | std::ios::trunc) << sound.substr(0, size);
        auto state = state_of(0, 0);
        EXPECT_FALSE(checkpoints.load_newest(state)) << size;
    }
}

TEST(Checkpoint, one_of_another_configuration_is_a_usage_error) {
    const TemporaryFolder folder;
    const auto comm = parallel::make_single_communicator();
    CheckpointFolder(*comm, folder.path(), "contrastive", "key").save(state_of(1, 10));
    auto state = state_of(0, 0);
    try {
        CheckpointFolder(*comm, folder.path(), "contrastive", "other").load_newest(state);
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
    }
    EXPECT_FALSE(CheckpointFolder(*comm, folder.path(), "masked_language", "key").load_newest(state));
}

TEST(Checkpoint, what_a_crash_left_half_written_is_removed) {
    const TemporaryFolder folder;
    const auto left = base::temporary_name(folder.path() / "contrastive-000000000010.checkpoint");
    std::ofstream(left) << "half";
    const auto comm = parallel::make_single_communicator();
    CheckpointFolder checkpoints(*comm, folder.path(), "contrastive", "key");
    EXPECT_FALSE(std::filesystem::exists(left));
    EXPECT_TRUE(checkpoints.files().empty());
}

}  // namespace
}  // namespace kohort::train
