// Fifty steps against PyTorch's AdamW, clip_grad_norm_ and schedulers, and shares that add up to the whole.
#include "train/adamw.h"

#include <gtest/gtest.h>

#include "adamw_expected.h"
#include "parallel/thread_communicator.h"
#include "train/gradient_norm.h"
#include "train/schedule.h"

namespace kohort::train {
namespace {

Schedule schedule_of(ScheduleShape shape, double final_share = 0) {
    return {pytorch::peak, pytorch::steps, static_cast<double>(pytorch::warmup) / pytorch::steps, shape, final_share, 0.2};
}

TEST(AdamW, takes_the_same_steps_as_pytorch) {
    const std::vector<model::Parameter> parameters{{"dense.weight", torch::tensor({{0.5F, -1.25F, 2.0F}, {0.0F, 0.75F, -0.125F}})},
                                                   {"dense.bias", torch::tensor({1.0F, -2.0F})}};
    const ParameterChunks chunks(parameters);
    AdamW optimizer(parameters, chunks, chunks.all(), {{true, 0.5}, {false, 1}}, {.weight_decay = 0.1});
    const Schedule schedule = schedule_of(ScheduleShape::cosine);
    const auto comm = parallel::make_single_communicator();
    for (int step = 0; step < pytorch::steps; ++step) {
        auto weight = torch::empty({2, 3}), bias = torch::empty({2});
        for (int i = 0; i < 3; ++i) {
            weight[0][i] = ((step * 7 + i * 3) % 11 - 5) / 4.0;
            weight[1][i] = ((step * 5 + i * 4 + 1) % 13 - 6) / 8.0;
        }
        bias[0] = (step % 3 - 1) * 0.5;
        bias[1] = 3.0 / (step + 1);
        const std::vector<torch::Tensor> gradients{weight, bias};
        const double norm = global_norm(*comm, gradients, chunks, {chunks.all()}, 1);
        const auto& row = pytorch::adamw[static_cast<std::size_t>(step)];
        EXPECT_NEAR(norm, row[0], 1e-6);
        optimizer.step(gradients, clip_factor(norm, 1.5), schedule.rate(step), 2);
        for (int i = 0; i < 6; ++i) EXPECT_NEAR(parameters[0].value.flatten()[i].item<double>(), row[static_cast<std::size_t>(1 + i)], 5e-7) << step;
        for (int i = 0; i < 2; ++i) EXPECT_NEAR(parameters[1].value[i].item<double>(), row[static_cast<std::size_t>(7 + i)], 5e-7) << step;
    }
}

// Three steps of matrices of several chunks, by as many optimizers as there are shares.
TEST(AdamW, shares_chunks_and_threads_change_no_bit) {
    const auto updated = [&](int ranks, int threads) {
        torch::manual_seed(3);
        const std::vector<model::Parameter> parameters{{"a.weight", torch::randn({300, 700})}, {"a.bias", torch::randn({700})},
                                                       {"b.weight", torch::randn({100, 900})}};
        const ParameterChunks chunks(parameters);
        std::vector<AdamW> optimizers;
        for (const auto& share : chunks.shares(ranks)) optimizers.emplace_back(parameters, chunks, share, parameter_rules(parameters, 1), AdamWOptions{});
        for (int step = 0; step < 3; ++step) {
            std::vector<torch::Tensor> gradients;
            for (const auto& parameter : parameters) gradients.push_back(torch::randn(parameter.value.sizes()));
            for (AdamW& optimizer : optimizers) optimizer.step(gradients, 0.5, 1e-2, threads);
        }
        std::vector<torch::Tensor> flat;
        for (const auto& parameter : parameters) flat.push_back(parameter.value.flatten());
        return torch::cat(flat);
    };
    const auto whole = updated(1, 1);
    EXPECT_TRUE(torch::equal(updated(1, 3), whole));
    for (const int ranks : {2, 3, 5, 9}) EXPECT_TRUE(torch::equal(updated(ranks, 2), whole)) << ranks;
}

TEST(AdamW, a_share_of_the_rate_is_a_smaller_step_and_less_decay) {
    const auto moved = [](double rate_share) {
        const std::vector<model::Parameter> parameters{{"w.weight", torch::ones({2, 2})}};
        const ParameterChunks chunks(parameters);
        AdamW(parameters, chunks, chunks.all(), {{true, rate_share}}, {.weight_decay = 0.5}).step({torch::ones({2, 2})}, 1, 0.1, 1);
        return 1 - parameters[0].value[0][0].item<double>();
    };
    EXPECT_NEAR(moved(1), 0.1 * 0.5 + 0.1, 1e-6);
    EXPECT_NEAR(moved(0.25), 0.25 * moved(1), 1e-6);
}

TEST(Clip, limits_the_norm_and_nothing_else) {
    EXPECT_EQ(clip_factor(0.5, 1.0), 1.0);
    EXPECT_NEAR(clip_factor(4.0, 1.0), 0.25, 1e-6);
    EXPECT_EQ(clip_factor(4.0, 0), 1.0);
}

void expect_rates(const Schedule& schedule, const pytorch::Rates& rates) {
    for (int step = 0; step < pytorch::steps; ++step)
        EXPECT_NEAR(schedule.rate(step), rates[static_cast<std::size_t>(step)], 1e-9 * pytorch::peak) << step;
}

TEST(Schedule, is_as_pytorchs_schedulers_have_it) {
    expect_rates(schedule_of(ScheduleShape::linear), pytorch::linear);
    expect_rates(schedule_of(ScheduleShape::linear, 0.1), pytorch::linear_to_a_tenth);
    expect_rates(schedule_of(ScheduleShape::cosine), pytorch::cosine);
    expect_rates(schedule_of(ScheduleShape::cosine, 0.1), pytorch::cosine_to_a_tenth);
    expect_rates(schedule_of(ScheduleShape::wsd), pytorch::wsd);
}

TEST(Schedule, every_step_learns_and_nothing_is_above_the_peak) {
    for (const auto shape : {ScheduleShape::linear, ScheduleShape::cosine, ScheduleShape::wsd})
        for (const std::int64_t steps : {1, 2, 3, 7, 100})
            for (const double warmup : {0.0, 0.1, 0.5, 1.0})
                for (const double cooldown : {0.0, 0.2, 1.0}) {
                    const Schedule schedule{2.0, steps, warmup, shape, 0, cooldown};
                    for (std::int64_t step = 0; step < steps; ++step) {
                        EXPECT_GT(schedule.rate(step), 0.0);
                        EXPECT_LE(schedule.rate(step), 2.0);
                    }
                }
}

TEST(Schedule, warms_up_and_ends_where_it_was_told) {
    const Schedule schedule{2.0, 100, 0.1};
    EXPECT_DOUBLE_EQ(schedule.rate(0), 0.2);
    EXPECT_DOUBLE_EQ(schedule.rate(9), 2.0);
    EXPECT_DOUBLE_EQ(schedule.rate(10), 2.0);
    EXPECT_DOUBLE_EQ(schedule.rate(55), 1.0);
    EXPECT_DOUBLE_EQ((Schedule{1.0, 1, 0}).rate(0), 1.0);
    const Schedule held{2.0, 100, 0.1, ScheduleShape::wsd, 0.5, 0.2};
    EXPECT_DOUBLE_EQ(held.rate(80), 2.0);
    EXPECT_DOUBLE_EQ(held.rate(90), 1.5);
}

}  // namespace
}  // namespace kohort::train
