// Gradient sums that floating point would get wrong, or get differently in another order.
#include "train/gradient_reducer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "base/error.h"
#include "base/worker_threads.h"
#include "parallel/thread_communicator.h"
#include "train/fixed_point_kernel.h"

namespace kohort::train {
namespace {

std::vector<model::Parameter> one_tensor(std::int64_t size) { return {{"weight", torch::zeros({size})}}; }

// Reduces terms[i] given to rank i % ranks by two threads; the step is repeated as the reducer asks.
torch::Tensor sum(const std::vector<torch::Tensor>& terms, int ranks, std::int64_t* repeats = nullptr) {
    torch::Tensor result;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        GradientReducer reducer(comm, {{"weight", torch::zeros_like(terms[0])}});
        std::vector<torch::Tensor> sums;
        while (sums.empty()) {
            reducer.begin(static_cast<std::int64_t>(terms.size()));
            base::parallel_for(2, static_cast<std::int64_t>(terms.size()), [&](std::int64_t i) {
                if (i % ranks == comm.rank()) reducer.add(0, terms[static_cast<std::size_t>(i)]);
            });
            sums = reducer.reduce(0);
        }
        if (!comm.is_root()) return;
        result = sums[0];
        if (repeats) *repeats = reducer.repeats();
    });
    return result;
}

TEST(GradientReducer, adds_what_floating_point_would_lose) {
    // In any order of double or float sums of larger numbers, ones beside 2^40 are at risk; here none is lost.
    std::vector<torch::Tensor> terms;
    for (int i = 0; i < 20; ++i)
        for (const double value : {0x1p40, 1.0, -0x1p40, -0x1p-10}) terms.push_back(torch::full({3}, value));
    std::mt19937 shuffle(1);
    for (int round = 0; round < 6; ++round) {
        std::shuffle(terms.begin(), terms.end(), shuffle);
        const auto total = sum(terms, 1 + round % 4);
        // A grid step is at most 2^40 * 2^10 / 2^50 = 1: ones are exact, and 2^-10 rounds to nothing.
        EXPECT_TRUE(torch::equal(total, torch::full({3}, 20.0))) << total;
    }
}

TEST(GradientReducer, is_the_float64_sum_to_a_millionth_in_any_order_on_any_ranks) {
    torch::manual_seed(5);
    std::vector<torch::Tensor> terms;
    for (int i = 0; i < 33; ++i) terms.push_back(torch::randn({1000}) * std::pow(2.0, i % 12));
    auto expected = torch::zeros({1000}, torch::kDouble);
    for (const auto& term : terms) expected += term.to(torch::kDouble);
    const auto first = sum(terms, 1);
    EXPECT_LT(((first.to(torch::kDouble) - expected).norm() / expected.norm()).item<double>(), 1e-6);
    std::mt19937 shuffle(2);
    for (const int ranks : {2, 3, 5}) {
        std::shuffle(terms.begin(), terms.end(), shuffle);
        EXPECT_TRUE(torch::equal(sum(terms, ranks), first)) << ranks;
    }
}

TEST(GradientReducer, rows_of_a_sparse_gradient_count_like_a_dense_one) {
    const auto rows = torch::tensor({{3, 0, 3}}, torch::kLong);
    const auto values = torch::tensor({{1.0F, 2.0F}, {4.0F, 8.0F}, {16.0F, -32.0F}});
    const auto sparse = torch::sparse_coo_tensor(rows, values, {5, 2});
    const auto comm = parallel::make_single_communicator();
    GradientReducer reducer(*comm, {{"embedding", torch::zeros({5, 2})}});
    std::vector<torch::Tensor> sums;
    while (sums.empty()) {
        reducer.begin(4);
        reducer.add(0, sparse);
        reducer.add(0, torch::ones({5, 2}));
        sums = reducer.reduce(0);
    }
    EXPECT_TRUE(torch::equal(sums[0], sparse.to_dense() + 1));
}

TEST(GradientReducer, a_gradient_that_outgrows_its_grid_is_found_on_one_rank_and_repeated_on_all) {
    parallel::run_thread_ranks(3, [](parallel::Communicator& comm) {
        GradientReducer reducer(comm, one_tensor(2));
        const auto step = [&](double value) {
            for (std::int64_t tries = 1;; ++tries) {
                reducer.begin(3);
                reducer.add(0, torch::full({2}, comm.rank() == 1 ? value : 0.5));
                const auto sums = reducer.reduce(0);
                if (sums.empty()) continue;
                EXPECT_NEAR(sums[0][0].item<double>(), value + 1.0, 2e-5);  // the grid still follows the largest
                return tries;
            }
        };
        EXPECT_EQ(step(1.0), 2);    // the first step measures
        EXPECT_EQ(step(1000.0), 1); // within the headroom
        EXPECT_EQ(step(3e6), 2);    // beyond it
        EXPECT_EQ(step(1e-3), 1);
        EXPECT_EQ(reducer.repeats(), 2);
    });
}

TEST(GradientReducer, grids_kept_from_a_checkpoint_give_the_same_bytes) {
    torch::manual_seed(8);
    const auto comm = parallel::make_single_communicator();
    GradientReducer going_on(*comm, one_tensor(100));
    const auto step = [](GradientReducer& reducer, const torch::Tensor& term) {
        std::vector<torch::Tensor> sums;
        while (sums.empty()) {
            reducer.begin(1);
            reducer.add(0, term);
            sums = reducer.reduce(0);
        }
        return sums[0];
    };
    step(going_on, torch::randn({100}) * 1e5);
    GradientReducer resumed(*comm, one_tensor(100));
    resumed.set_recent_largest(going_on.recent_largest());
    const auto term = torch::randn({100}) * 1e-7;
    EXPECT_TRUE(torch::equal(step(going_on, term), step(resumed, term)));
    EXPECT_EQ(resumed.repeats(), 0);
}

TEST(GradientReducer, a_nan_on_one_rank_is_an_error_on_all_that_names_tensor_and_step) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()})
        parallel::run_thread_ranks(3, [bad](parallel::Communicator& comm) {
            GradientReducer reducer(comm, one_tensor(2));
            reducer.begin(3);
            reducer.add(0, torch::tensor({1.0F, comm.rank() == 2 ? bad : 1.0F}));
            try {
                reducer.reduce(17);
                FAIL() << "no error";
            } catch (const base::Error& error) {
                EXPECT_EQ(error.kind(), base::ErrorKind::internal);
                EXPECT_NE(std::string(error.what()).find("weight"), std::string::npos);
                EXPECT_NE(std::string(error.what()).find("17"), std::string::npos);
            }
        });
}

TEST(FixedPointKernel, rounds_half_to_even_as_llrint_does) {
    std::vector<float> values{0.5F, 1.5F, 2.5F, -0.5F, -1.5F, 0.49999997F, 3e-30F, -7.25F, 1e9F, -1e9F};
    for (const double scale : {1.0, 4.0, 0x1p20, 0x1p-3}) {
        std::vector<std::int64_t> sums(values.size(), 5);
        add_on_grid(values.data(), std::ssize(values), scale, sums.data());
        for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(sums[i], 5 + std::llrint(static_cast<double>(values[i]) * scale)) << values[i];
    }
    const float most = 0x1p50F;
    std::int64_t sum = 0;
    add_on_grid(&most, 1, 1.0, &sum);
    EXPECT_EQ(sum, std::int64_t{1} << 50);
}

TEST(FixedPointKernel, finds_the_largest_magnitude_and_what_is_no_number) {
    std::vector<float> values(37, 0.25F);
    EXPECT_EQ(std::bit_cast<float>(largest_magnitude_bits(values.data(), 37)), 0.25F);
    values[36] = -9.5F;
    EXPECT_EQ(std::bit_cast<float>(largest_magnitude_bits(values.data(), 37)), 9.5F);
    values[3] = -std::numeric_limits<float>::infinity();
    EXPECT_EQ(largest_magnitude_bits(values.data(), 37), infinity_bits);
    values[35] = -std::numeric_limits<float>::quiet_NaN();
    EXPECT_GT(largest_magnitude_bits(values.data(), 37), infinity_bits);
    EXPECT_EQ(largest_magnitude_bits(values.data(), 0), 0U);
}

}  // namespace
}  // namespace kohort::train
