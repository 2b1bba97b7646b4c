// Eight steps against PyTorch's AdamW, clip_grad_norm_ and a schedule; the numbers come from tools/oracles/adamw.py.
#include "train/adamw.h"

#include <gtest/gtest.h>

#include <array>

#include "train/schedule.h"

namespace kohort::train {
namespace {

// norm before clipping, six weights, two biases, after each step
constexpr std::array<std::array<double, 9>, 8> expected{{
    {3.41641283, 0.504750013, -1.24437499, 1.99399996, 0.00499999989, 0.754624963, -0.1299375, 1.005, -2.00500011},
    {2.2946949, 0.506192625, -1.24857974, 1.9978044, 0.0116955824, 0.747640729, -0.125408635, 1.01170063, -2.01481891},
    {1.78972769, 0.510450959, -1.25295603, 1.99263036, 0.00842563622, 0.748918474, -0.121882841, 1.0084424, -2.02448416},
    {1.86664796, 0.508136928, -1.25231302, 1.98880172, 0.00863725133, 0.74875766, -0.123894244, 1.00988388, -2.03226089},
    {1.78553212, 0.505940914, -1.25395131, 1.98873699, 0.00767421955, 0.745708227, -0.123551331, 1.01085854, -2.03826571},
    {1.52069068, 0.505957246, -1.25492299, 1.9871484, 0.00914918911, 0.744497299, -0.124157682, 1.00972605, -2.04265928},
    {1.79302073, 0.505092502, -1.25440669, 1.98637915, 0.0101756193, 0.743215919, -0.123358868, 1.00993156, -2.04546905},
    {1.70934927, 0.504701495, -1.25447416, 1.98649824, 0.0102640977, 0.743123353, -0.122916222, 1.01002216, -2.04682088},
}};

TEST(AdamW, takes_the_same_steps_as_pytorch) {
    std::vector<model::Parameter> parameters{{"dense.weight", torch::tensor({{0.5F, -1.25F, 2.0F}, {0.0F, 0.75F, -0.125F}})},
                                             {"dense.bias", torch::tensor({1.0F, -2.0F})}};
    AdamW optimizer(parameters, {.weight_decay = 0.1});
    const Schedule schedule{0.01, 8, 0.25};
    for (int step = 0; step < 8; ++step) {
        auto weight = torch::empty({2, 3}), bias = torch::empty({2});
        for (int i = 0; i < 3; ++i) {
            weight[0][i] = ((step * 7 + i * 3) % 11 - 5) / 4.0;
            weight[1][i] = ((step * 5 + i * 4 + 1) % 13 - 6) / 8.0;
        }
        bias[0] = (step % 3 - 1) * 0.5;
        bias[1] = 3.0 / (step + 1);
        const std::vector<torch::Tensor> gradients{weight, bias};
        const double norm = global_norm(gradients);
        const auto& row = expected[static_cast<std::size_t>(step)];
        EXPECT_NEAR(norm, row[0], 1e-6);
        optimizer.step(gradients, clip_factor(norm, 1.5), schedule.rate(step), 2);
        for (int i = 0; i < 6; ++i) EXPECT_NEAR(parameters[0].value.flatten()[i].item<double>(), row[static_cast<std::size_t>(1 + i)], 3e-7) << step;
        for (int i = 0; i < 2; ++i) EXPECT_NEAR(parameters[1].value[i].item<double>(), row[static_cast<std::size_t>(7 + i)], 3e-7) << step;
    }
}

TEST(AdamW, decays_matrices_only) {
    const auto matrix = torch::zeros({2, 2});
    EXPECT_TRUE(decays({"embeddings.word_embeddings.weight", matrix}));
    EXPECT_FALSE(decays({"output.LayerNorm.weight", torch::zeros({2})}));
    EXPECT_FALSE(decays({"output.dense.bias", torch::zeros({2})}));
}

TEST(AdamW, chunks_and_threads_change_nothing) {
    torch::manual_seed(3);
    const auto start = torch::randn({300, 700}), gradient = torch::randn({300, 700});
    const auto updated = [&](int threads) {
        std::vector<model::Parameter> parameters{{"w.weight", start.clone()}};
        AdamW optimizer(parameters, {});
        optimizer.step({gradient.clone()}, 0.5, 1e-2, threads);
        return parameters[0].value;
    };
    EXPECT_TRUE(torch::equal(updated(1), updated(3)));
}

TEST(Clip, limits_the_norm_and_nothing_else) {
    EXPECT_EQ(clip_factor(0.5, 1.0), 1.0);
    EXPECT_NEAR(clip_factor(4.0, 1.0), 0.25, 1e-6);
    EXPECT_EQ(clip_factor(4.0, 0), 1.0);
}

TEST(Schedule, warms_up_and_decays_to_nothing) {
    const Schedule schedule{2.0, 100, 0.1};
    EXPECT_DOUBLE_EQ(schedule.rate(0), 0.2);
    EXPECT_DOUBLE_EQ(schedule.rate(9), 2.0);
    EXPECT_DOUBLE_EQ(schedule.rate(10), 2.0);
    EXPECT_DOUBLE_EQ(schedule.rate(55), 1.0);
    EXPECT_GT(schedule.rate(99), 0.0);
    EXPECT_LT(schedule.rate(99), 0.03);
    EXPECT_DOUBLE_EQ((Schedule{1.0, 1, 0}).rate(0), 1.0);
}

}  // namespace
}  // namespace kohort::train
