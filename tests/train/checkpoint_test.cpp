// Checkpoints come back as they were, at any number of ranks, and a damaged one is passed over.
#include "train/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "parallel/thread_communicator.h"
#include "temporary_folder.h"
#include "train/parameter_chunks.h"

namespace kohort::train {
namespace {

using std::filesystem::path;

constexpr std::int64_t elements = 70000 + 3;

// The weights of a training and two values for each, which follow from `seed`; `own` says which of those are here.
struct SmallTraining {
    std::vector<model::Parameter> parameters;
    torch::Tensor moments;
    TrainingState state;

    SmallTraining(int seed, std::int64_t step, const parallel::Range& own = {0, elements})
        : parameters{{"a.weight", value(seed, {700, 100})}, {"a.bias", value(seed + 1, {3})}},
          moments(value(seed + 2, {elements}).slice(0, own.first, own.last).clone()),
          state{{step, {0.25F, static_cast<float>(seed) / 7}, {{0, seed / 3.0}, {step, seed / 9.0}}, {{step, seed / 11.0}}, {seed / 13.0, 1e300}},
                parameters,
                {{"weights", {0, elements}, FlatTensors(parameters)}, {"moments", own, FlatTensors(std::vector<torch::Tensor>{moments})}}} {}

    static torch::Tensor value(int seed, const std::vector<std::int64_t>& shape) {
        auto count = torch::empty(shape).numel();
        return torch::arange(count, torch::kFloat).add_(seed).sin_().view(shape);
    }
    bool operator==(const SmallTraining& other) const {
        return state.progress == other.state.progress && torch::equal(parameters[0].value, other.parameters[0].value) &&
               torch::equal(parameters[1].value, other.parameters[1].value) && torch::equal(moments, other.moments);
    }
};

// The chunks that ranks share: one that both tensors would have at any number of ranks, unequal, and some empty.
std::vector<parallel::Range> shares_of(int ranks) {
    const SmallTraining any(0, 0);
    const ParameterChunks chunks(any.parameters);
    std::vector<parallel::Range> result;
    for (const auto& share : chunks.shares(ranks)) result.push_back(chunks.elements_of(share));
    return result;
}

parallel::Range own_of(parallel::Communicator& comm) { return shares_of(comm.size())[static_cast<std::size_t>(comm.rank())]; }

CheckpointFolder open(parallel::Communicator& comm, const path& folder, const std::string& key = "key", std::int64_t keep = 2) {
    return {comm, folder, "contrastive", key, shares_of(comm.size()), keep};
}

// Checkpoints of steps by `ranks` ranks; the training of step s is SmallTraining(s, s).
void save(const path& folder, int ranks, const std::vector<int>& steps, std::int64_t keep = 2) {
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        auto checkpoints = open(comm, folder, "key", keep);
        for (const int step : steps) {
            const SmallTraining training(step, step, own_of(comm));
            checkpoints.save(training.state);
            checkpoints.complete();
        }
    });
}

// The step that one rank goes on from, -1 for none; `log` gets what it says. The state must be that of the step.
int load(const path& folder, std::string* log = nullptr) {
    testing::internal::CaptureStderr();
    const auto comm = parallel::make_single_communicator();
    SmallTraining training(-1, 0);
    const bool found = open(*comm, folder).load_newest(training.state);
    const std::string said = testing::internal::GetCapturedStderr();
    if (log) *log = said;
    if (!found) return -1;
    const int step = static_cast<int>(training.state.progress.step);
    EXPECT_TRUE(training == SmallTraining(step, step)) << step;
    return step;
}

std::vector<std::string> names_in(const path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

void write(const path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes; }

TEST(Checkpoint, comes_back_as_it_was_at_any_number_of_ranks) {
    for (const int before : {1, 2, 3, 5})
        for (const int after : {1, 2, 3, 5}) {
            const TemporaryFolder folder;
            save(folder.path(), before, {40});
            parallel::run_thread_ranks(after, [&](parallel::Communicator& comm) {
                const auto own = own_of(comm);
                for (const auto& range : {own, parallel::Range{0, elements}}) {  // with ZeRO and without
                    SmallTraining training(-1, 0, range);
                    auto checkpoints = open(comm, folder.path());
                    EXPECT_TRUE(checkpoints.load_newest(training.state));
                    EXPECT_TRUE(training == SmallTraining(40, 40, range)) << before << " -> " << after;
                }
            });
        }
}

TEST(Checkpoint, there_is_none_at_first) {
    const TemporaryFolder folder;
    EXPECT_EQ(load(folder.path() / "checkpoint"), -1);
}

TEST(Checkpoint, the_last_few_are_kept_and_nothing_else) {
    const TemporaryFolder folder;
    save(folder.path(), 2, {9, 10, 100});
    EXPECT_THAT(names_in(folder.path()),
                testing::ElementsAre("contrastive-000000000010.checkpoint", "contrastive-000000000010.part-00000-of-00002",
                                     "contrastive-000000000010.part-00001-of-00002", "contrastive-000000000100.checkpoint",
                                     "contrastive-000000000100.part-00000-of-00002", "contrastive-000000000100.part-00001-of-00002"));
    EXPECT_EQ(load(folder.path()), 100);
}

// A loss that runs away is seen after 32 steps: by then the last few may all be of a lost training.
TEST(Checkpoint, one_from_before_a_loss_could_run_away_is_kept_as_well) {
    const auto manifests = [](const path& folder) {
        std::vector<std::string> names = names_in(folder);
        std::erase_if(names, [](const std::string& name) { return !name.ends_with(".checkpoint"); });
        for (std::string& name : names) name = name.substr(name.find('-') + 10, 3);
        return names;
    };
    const TemporaryFolder folder;
    save(folder.path(), 2, {9, 10, 100, 101, 102, 103, 104}, 3);
    EXPECT_THAT(manifests(folder.path()), testing::ElementsAre("010", "100", "102", "103", "104"));
    save(folder.path(), 3, {133}, 1);
    EXPECT_THAT(manifests(folder.path()), testing::ElementsAre("100", "102", "133"));
    save(folder.path(), 1, {165}, 1);
    EXPECT_THAT(manifests(folder.path()), testing::ElementsAre("133", "165"));
    EXPECT_EQ(load(folder.path()), 165);
    // Also where one is written at every step.
    const TemporaryFolder often;
    std::vector<int> steps;
    for (int step = 1; step <= 120; ++step) steps.push_back(step);
    save(often.path(), 1, steps);
    EXPECT_THAT(manifests(often.path()), testing::ElementsAre("061", "091", "119", "120"));
}

TEST(Checkpoint, the_state_is_that_of_the_moment_it_was_saved_at) {
    const TemporaryFolder folder;
    const auto comm = parallel::make_single_communicator();
    auto checkpoints = open(*comm, folder.path());
    SmallTraining training(10, 10);
    checkpoints.save(training.state);
    training.parameters[0].value.zero_();  // training goes on while a thread writes
    training.moments.zero_();
    training.state.progress.loss.clear();
    checkpoints.complete();
    EXPECT_EQ(load(folder.path()), 10);
}

TEST(Checkpoint, one_with_a_flipped_byte_in_any_file_is_named_and_the_one_before_is_used) {
    const TemporaryFolder folder;
    save(folder.path(), 3, {10, 20});
    for (const std::string& name : names_in(folder.path())) {
        if (!name.starts_with("contrastive-000000000020")) continue;
        const std::string sound = base::read_file(folder.path() / name);
        ASSERT_FALSE(sound.empty());
        const std::size_t stride = std::max<std::size_t>(7, sound.size() / 23);
        for (std::size_t at = 0; at < sound.size() + stride; at += stride) {
            std::string bytes = sound;
            auto& byte = bytes[std::min(at, sound.size() - 1)];
            byte = static_cast<char>(byte ^ 0x10);
            write(folder.path() / name, bytes);
            std::string log;
            EXPECT_EQ(load(folder.path(), &log), 10) << name << " at " << at;
            EXPECT_THAT(log, testing::HasSubstr(name));
        }
        write(folder.path() / name, sound);
        EXPECT_EQ(load(folder.path()), 20);
    }
}

TEST(Checkpoint, one_with_a_file_cut_off_or_missing_is_named_and_the_one_before_is_used) {
    const TemporaryFolder folder;
    save(folder.path(), 2, {10, 20});
    for (const std::string& name : names_in(folder.path())) {
        if (!name.starts_with("contrastive-000000000020.part")) continue;
        const std::string sound = base::read_file(folder.path() / name);
        std::string log;
        for (const std::size_t size : {std::size_t{0}, std::size_t{5}, sound.size() / 2, sound.size() - 1}) {
            write(folder.path() / name, sound.substr(0, size));
            EXPECT_EQ(load(folder.path(), &log), 10) << size;
            EXPECT_THAT(log, testing::HasSubstr(name));
        }
        std::filesystem::remove(folder.path() / name);
        EXPECT_EQ(load(folder.path(), &log), 10);
        EXPECT_THAT(log, testing::HasSubstr(name + " is missing"));
        write(folder.path() / name, sound);
    }
    const path manifest = folder.path() / "contrastive-000000000020.checkpoint";
    const std::string sound = base::read_file(manifest);
    for (std::size_t size = 0; size < sound.size(); size += 11) {
        write(manifest, sound.substr(0, size));
        EXPECT_EQ(load(folder.path()), 10) << size;
    }
}

// What was refused goes when the training has a newer checkpoint than the one it went on from, not the good ones.
TEST(Checkpoint, a_refused_one_never_pushes_good_ones_out) {
    const TemporaryFolder folder;
    save(folder.path(), 2, {10, 20});
    write(folder.path() / "contrastive-000000000020.checkpoint", "kohort");
    EXPECT_EQ(load(folder.path()), 10);
    save(folder.path(), 3, {12});
    EXPECT_THAT(names_in(folder.path()), testing::Not(testing::Contains(testing::HasSubstr("000000000020"))));
    EXPECT_THAT(names_in(folder.path()), testing::Contains("contrastive-000000000010.checkpoint"));
    EXPECT_EQ(load(folder.path()), 12);
}

// As a kill leaves it between the ranks' files and the manifest.
TEST(Checkpoint, files_without_a_manifest_are_no_checkpoint_and_are_cleared_away) {
    const TemporaryFolder folder;
    save(folder.path(), 3, {10, 20});
    std::filesystem::remove(folder.path() / "contrastive-000000000020.checkpoint");
    write(base::temporary_name(folder.path() / "contrastive-000000000030.part-00001-of-00003"), "half");
    write(folder.path() / "contrastive-000000000010.part-00001-of-00002", "of a manifest that was replaced");
    write(folder.path() / "masked_language-000000000010.part-00000-of-00001", "another training's");
    EXPECT_EQ(load(folder.path()), 10);
    EXPECT_THAT(names_in(folder.path()),
                testing::ElementsAre("contrastive-000000000010.checkpoint", "contrastive-000000000010.part-00000-of-00003",
                                     "contrastive-000000000010.part-00001-of-00003", "contrastive-000000000010.part-00002-of-00003",
                                     "masked_language-000000000010.part-00000-of-00001"));
}

TEST(Checkpoint, what_is_given_up_leaves_nothing) {
    const TemporaryFolder folder;
    save(folder.path(), 2, {10});
    parallel::run_thread_ranks(2, [&](parallel::Communicator& comm) {
        auto checkpoints = open(comm, folder.path());
        checkpoints.save(SmallTraining(20, 20, own_of(comm)).state);  // and leaves, as after a failure
    });
    EXPECT_EQ(load(folder.path()), 10);
    EXPECT_EQ(names_in(folder.path()).size(), 3U);
}

TEST(Checkpoint, a_folder_that_cannot_be_written_ends_the_job) {
    const TemporaryFolder folder;
    const auto comm = parallel::make_single_communicator();
    auto checkpoints = open(*comm, folder.path() / "checkpoint");
    std::filesystem::remove(folder.path() / "checkpoint");
    checkpoints.save(SmallTraining(10, 10).state);
    try {
        checkpoints.complete();
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::environment);
    }
}

TEST(Checkpoint, one_of_another_configuration_is_a_usage_error) {
    const TemporaryFolder folder;
    save(folder.path(), 2, {10});
    const auto refused = [&](const std::string& key, const std::string& stage, auto change) {
        const auto comm = parallel::make_single_communicator();
        SmallTraining training(-1, 0);
        change(training.state);
        try {
            return !CheckpointFolder(*comm, folder.path(), stage, key, shares_of(1), 2).load_newest(training.state);
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::usage);
            return true;
        }
    };
    const auto nothing = [](TrainingState&) {};
    EXPECT_FALSE(refused("key", "contrastive", nothing));
    EXPECT_TRUE(refused("other", "contrastive", nothing));
    EXPECT_TRUE(refused("key", "masked_language", nothing));
    EXPECT_TRUE(refused("key", "contrastive", [](TrainingState& state) { state.parameters.pop_back(); }));
    EXPECT_TRUE(refused("key", "contrastive", [](TrainingState& state) { state.parameters[0].name = "b.weight"; }));
    EXPECT_TRUE(refused("key", "contrastive", [](TrainingState& state) { state.parameters[0].value = torch::zeros({100, 700}); }));
    EXPECT_TRUE(refused("key", "contrastive", [](TrainingState& state) { state.vectors[1].name = "best weights"; }));
}

}  // namespace
}  // namespace kohort::train
