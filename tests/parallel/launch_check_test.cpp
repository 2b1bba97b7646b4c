#include "parallel/launch_check.h"

#include <gtest/gtest.h>

#include <map>

namespace kohort::parallel {
namespace {

std::optional<std::string> problem(int world_size, const std::map<std::string, std::string>& variables) {
    return wrong_launch(world_size, [&](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    });
}

TEST(LaunchCheck, a_world_as_large_as_its_launcher_says_is_fine) {
    EXPECT_EQ(problem(1, {}), std::nullopt);
    EXPECT_EQ(problem(4, {{"SLURM_STEP_NUM_TASKS", "4"}}), std::nullopt);
    EXPECT_EQ(problem(4, {{"OMPI_COMM_WORLD_SIZE", "4"}}), std::nullopt);
    EXPECT_EQ(problem(8, {{"OMPI_COMM_WORLD_SIZE", "8"}, {"SLURM_STEP_NUM_TASKS", "2"}}), std::nullopt);  // mpirun's daemons
    EXPECT_EQ(problem(1, {{"SLURM_NTASKS", "4"}}), std::nullopt);  // a batch script's first command, outside srun
    EXPECT_EQ(problem(1, {{"SLURM_STEP_NUM_TASKS", "many"}}), std::nullopt);
}

TEST(LaunchCheck, srun_without_pmix_is_named_with_the_command_to_use) {
    const auto text = problem(1, {{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "2"}});
    ASSERT_TRUE(text);
    EXPECT_NE(text->find("srun --mpi=pmix -n 4 kohort"), std::string::npos) << *text;
}

TEST(LaunchCheck, the_mpirun_of_another_library_is_found) {
    for (const auto* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
        const auto text = problem(1, {{variable, "3"}});
        ASSERT_TRUE(text) << variable;
        EXPECT_NE(text->find("1 of the 3 processes"), std::string::npos) << *text;
    }
}

}  // namespace
}  // namespace kohort::parallel
