// Runs failing_program under mpirun: whatever goes wrong on one rank ends all ranks, with one error line and the
// right exit code, and leaves neither a process nor a temporary file behind.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/atomic_file.h"

extern char** environ;

namespace kohort::parallel {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
constexpr auto time_limit = 30s;

struct Outcome {
    int exit_code = -1;
    std::vector<std::string> error_lines;
    std::string output;
};

class Failure : public testing::TestWithParam<int> {
  protected:
    static void SetUpTestSuite() {
        for (const auto* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_mpi_yield_when_idle"})
            ::setenv(name, "1", 1);
    }
    void SetUp() override {
        folder_ = std::filesystem::path(testing::TempDir()) /
                  ("kohort_failure_" + std::to_string(::getpid()) + "_" + std::to_string(GetParam()));
        std::filesystem::create_directories(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    Outcome run(const std::string& mode, bool killed = false, const char* watchdog_seconds = "300") {
        const auto output = folder_.string() + ".out";
        const std::vector<std::string> words = {KOHORT_MPIEXEC, "-n", std::to_string(GetParam()), "--oversubscribe",
                                                KOHORT_FAILING_PROGRAM, mode, folder_.string(), watchdog_seconds};
        const pid_t child = start(words, output);
        int status = 0;
        const auto begin = Clock::now();
        bool ended = false;
        while (!(ended = ::waitpid(child, &status, WNOHANG) == child) && Clock::now() - begin < time_limit)
            std::this_thread::sleep_for(20ms);
        if (!ended) {
            ADD_FAILURE() << mode << " was still running after " << time_limit.count() << " s";
            ::kill(-child, SIGKILL);
            ::waitpid(child, &status, 0);
        }
        Outcome outcome;
        outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        outcome.output = base::read_file(output);
        std::filesystem::remove(output);
        std::istringstream lines(outcome.output);
        for (std::string line; std::getline(lines, line);)
            if (line.starts_with("error:")) outcome.error_lines.push_back(line);
        expect_no_process();
        // SIGKILL leaves what a resumed run removes; everything else cleans up after itself.
        if (!killed) {
            EXPECT_TRUE(std::filesystem::is_empty(folder_)) << mode << " left files";
        }
        return outcome;
    }

    void expect(const std::string& mode, int exit_code, const std::string& error_line) {
        const auto outcome = run(mode);
        EXPECT_EQ(outcome.exit_code, exit_code) << mode << '\n' << outcome.output;
        ASSERT_EQ(outcome.error_lines.size(), error_line.empty() ? 0u : 1u) << mode << '\n' << outcome.output;
        if (!error_line.empty()) {
            EXPECT_EQ(outcome.error_lines[0], "error: " + error_line);
        }
    }

    int ranks() const { return GetParam(); }
    int last() const { return GetParam() - 1; }

  private:
    static pid_t start(const std::vector<std::string>& words, const std::string& output) {
        std::vector<char*> arguments;
        for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        posix_spawn_file_actions_t files;
        ::posix_spawn_file_actions_init(&files);
        ::posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ::posix_spawn_file_actions_adddup2(&files, 1, 2);
        posix_spawnattr_t attributes;
        ::posix_spawnattr_init(&attributes);
        ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        pid_t child = -1;
        EXPECT_EQ(::posix_spawn(&child, arguments[0], &files, &attributes, arguments.data(), environ), 0);
        ::posix_spawnattr_destroy(&attributes);
        ::posix_spawn_file_actions_destroy(&files);
        return child;
    }

    // The folder's name is on every rank's command line and on no other process's.
    bool any_process() const {
        for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
            std::error_code gone;
            if (!std::isdigit(static_cast<unsigned char>(entry.path().filename().string()[0]))) continue;
            std::string line;
            try {
                line = base::read_file(entry.path() / "cmdline");
            } catch (const std::exception&) {
                continue;
            }
            if (line.find(folder_.string()) != std::string::npos) return true;
        }
        return false;
    }

    void expect_no_process() const {
        for (int i = 0; i < 100 && any_process(); ++i) std::this_thread::sleep_for(20ms);  // the kernel clears up
        EXPECT_FALSE(any_process()) << "a process is left";
    }

    std::filesystem::path folder_;
};

TEST_P(Failure, a_job_without_failure_is_silent) { expect("succeeds", 0, ""); }

TEST_P(Failure, of_the_first_or_the_last_rank_ends_all) {
    expect("first_rank_fails", 3, "line 7 of users.csv is bad");
    expect("last_rank_fails", 2, "no such column");
}

TEST_P(Failure, amid_large_transfers) { expect("fails_amid_large_transfers", 5, "overflow in step 2"); }

TEST_P(Failure, while_others_claim_partitions) { expect("fails_while_others_claim", 4, "no space left"); }

TEST_P(Failure, in_the_last_step) { expect("fails_in_the_last_step", 4, "cannot rename"); }

TEST_P(Failure, of_all_ranks_is_reported_once_by_the_lowest) {
    expect("all_fail_at_once", 3, "the fault of rank 0");
    expect("all_agree_to_fail", 2, "--clusters 0: choose 1 or more");
}

TEST_P(Failure, by_a_foreign_exception_is_internal) {
    const auto outcome = run("throws_a_foreign_exception");
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_EQ(outcome.error_lines.size(), 1u) << outcome.output;
}

TEST_P(Failure, a_stop_on_request_is_no_failure) { expect("is_asked_to_stop", 75, ""); }

TEST_P(Failure, a_slow_rank_with_signs_of_life_is_not_blamed) {
    EXPECT_EQ(run("works_slowly", false, "2").exit_code, 0);
}

TEST_P(Failure, a_launch_that_splits_the_ranks_is_refused) {
    ::setenv("SLURM_STEP_NUM_TASKS", "8", 1);
    const auto outcome = run("succeeds");
    ::unsetenv("SLURM_STEP_NUM_TASKS");
    EXPECT_EQ(outcome.exit_code, 4) << outcome.output;
    ASSERT_EQ(outcome.error_lines.size(), 1u) << outcome.output;
    EXPECT_NE(outcome.error_lines[0].find("srun --mpi=pmix -n 8 kohort"), std::string::npos) << outcome.output;
}

class FailureOfPeers : public Failure {};

TEST_P(FailureOfPeers, does_not_wait_for_a_rank_that_computes) {
    for (const auto* mode : {"fails_while_rank_0_computes", "fails_while_the_last_rank_computes"}) {
        const auto outcome = run(mode, true);
        EXPECT_EQ(outcome.exit_code, 3) << outcome.output;
        ASSERT_EQ(outcome.error_lines.size(), 1u) << outcome.output;
        EXPECT_TRUE(outcome.error_lines[0].starts_with("error: the fault of rank")) << outcome.output;
    }
}

TEST_P(FailureOfPeers, a_killed_rank_takes_the_others_with_it) {
    const auto outcome = run("last_rank_is_killed", true);
    EXPECT_EQ(outcome.exit_code, 128 + SIGKILL) << outcome.output;
    EXPECT_TRUE(outcome.error_lines.empty()) << outcome.output;
}

class Hanging : public Failure {};

TEST_P(Hanging, a_rank_that_hangs_is_named) {
    for (const auto* mode : {"first_rank_hangs", "last_rank_hangs"}) {
        const auto outcome = run(mode, true, "2");
        EXPECT_EQ(outcome.exit_code, 5) << outcome.output;
        ASSERT_EQ(outcome.error_lines.size(), 1u) << outcome.output;
        const int hanging = mode == std::string("first_rank_hangs") ? 0 : last();
        EXPECT_TRUE(outcome.error_lines[0].starts_with("error: rank " + std::to_string(hanging) + " on ")) << outcome.output;
    }
}

class Frozen : public Failure {};

TEST_P(Frozen, a_frozen_rank_0_is_found_by_rank_1) {
    const auto outcome = run("first_rank_is_frozen", true, "2");
    EXPECT_EQ(outcome.exit_code, 5) << outcome.output;
    ASSERT_EQ(outcome.error_lines.size(), 1u) << outcome.output;
    EXPECT_TRUE(outcome.error_lines[0].starts_with("error: rank 0 on ")) << outcome.output;
}

INSTANTIATE_TEST_SUITE_P(Ranks, Failure, testing::Values(1, 2, 3), testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(Ranks, FailureOfPeers, testing::Values(2, 3), testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(Ranks, Hanging, testing::Values(1, 2, 3), testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(Ranks, Frozen, testing::Values(3), testing::PrintToStringParamName());

}  // namespace
}  // namespace kohort::parallel
