// Gradient sums that floating point would get wrong, or get differently in another order.
#include "train/gradient_reducer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <mutex>
#include <random>
#include <set>

#include "base/error.h"
#include "base/worker_threads.h"
#include "parallel/thread_communicator.h"
#include "train/fixed_point_kernel.h"

namespace kohort::train {
namespace {

std::vector<model::Parameter> one_tensor(std::int64_t size) { return {{"weight", torch::zeros({size})}}; }

// Reduces terms[i] given to rank i % ranks by two threads; the step is repeated as the reducer asks. earlier_largest: of
// earlier steps; 0 where there were none.
torch::Tensor sum(const std::vector<torch::Tensor>& terms, int ranks, float earlier_largest = 0) {
    torch::Tensor result;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        GradientReducer reducer(comm, {{"weight", torch::zeros_like(terms[0])}});
        reducer.set_recent_largest({earlier_largest});
        std::vector<torch::Tensor> sums;
        while (sums.empty()) {
            reducer.begin(static_cast<std::int64_t>(terms.size()));
            base::parallel_for(2, static_cast<std::int64_t>(terms.size()), [&](std::int64_t i) {
                if (i % ranks == comm.rank()) reducer.add(0, terms[static_cast<std::size_t>(i)]);
            });
            sums = reducer.reduce(0);
        }
        if (comm.is_root()) result = sums[0];
    });
    return result;
}

// What `passes` micro-batches of each rank come to when their gradients leave early. A pass adds to the tensors from the last to
// the first, as backward passes do; term(rank, pass, tensor) may be undefined.
using Terms = std::function<torch::Tensor(int rank, std::int64_t pass, std::size_t tensor)>;
struct Early {
    std::vector<torch::Tensor> sums;
    std::int64_t repeats = 0;
    std::int64_t bytes = 0;  // of the rank that sends most
};
Early reduce_early(const std::vector<std::int64_t>& sizes, const std::vector<std::int64_t>& passes, const Terms& term,
                   const ReductionOptions& options, float earlier_largest = 0) {
    Early result;
    std::mutex mutex;
    parallel::run_thread_ranks(static_cast<int>(passes.size()), [&](parallel::Communicator& comm) {
        std::vector<model::Parameter> tensors;
        for (const std::int64_t size : sizes) tensors.push_back({"tensor", torch::zeros({size})});
        GradientReducer reducer(comm, tensors, options);
        reducer.set_recent_largest(std::vector<float>(sizes.size(), earlier_largest));
        std::vector<torch::Tensor> sums;
        const std::int64_t own = passes[static_cast<std::size_t>(comm.rank())];
        while (sums.empty()) {
            reducer.begin(1000, own);
            base::parallel_for(2, own, [&](std::int64_t pass) {
                for (std::size_t t = sizes.size(); t-- > 0;) {
                    reducer.add(t, term(comm.rank(), pass, t));
                    reducer.passed(t);
                }
            });
            sums = reducer.reduce(0);
        }
        const std::lock_guard lock(mutex);
        if (!result.sums.empty()) {
            for (std::size_t t = 0; t < sums.size(); ++t) EXPECT_TRUE(torch::equal(result.sums[t], sums[t])) << "ranks differ";
        }
        result = {sums, reducer.repeats(), std::max(result.bytes, reducer.statistics().bytes)};
    });
    return result;
}

TEST(GradientReducer, what_leaves_early_is_the_same_sum) {
    // Tensors smaller and larger than a bucket, an empty one, ranks with many passes, one, and none; a weight that a pass has not used.
    const std::vector<std::int64_t> sizes{300'000, 3, 0, 1'100'000, 70'000, 1};
    const Terms term = [&](int rank, std::int64_t pass, std::size_t tensor) {
        if (pass == 1 && tensor == 3) return torch::Tensor();
        return (torch::arange(sizes[tensor]).remainder(1009) - 500 + 17 * rank + pass).to(torch::kFloat) * 1e-5;
    };
    for (const auto& passes : {std::vector<std::int64_t>{3}, {2, 5}, {0, 4, 1}, {1, 0, 0, 3, 2}}) {
        std::vector<torch::Tensor> expected;
        for (const std::int64_t size : sizes) expected.push_back(torch::zeros({size}, torch::kDouble));
        for (std::size_t rank = 0; rank < passes.size(); ++rank)
            for (std::int64_t pass = 0; pass < passes[rank]; ++pass)
                for (std::size_t t = 0; t < sizes.size(); ++t)
                    if (const auto one = term(static_cast<int>(rank), pass, t); one.defined()) expected[t] += one.to(torch::kDouble);
        const Early early = reduce_early(sizes, passes, term, {});
        const Early late = reduce_early(sizes, passes, term, {.overlap = false});
        for (std::size_t t = 0; t < sizes.size(); ++t) {
            EXPECT_TRUE(torch::equal(early.sums[t], late.sums[t])) << t;
            if (sizes[t] > 0) {
                EXPECT_LE(((early.sums[t].to(torch::kDouble) - expected[t]).norm() / expected[t].norm().clamp_min(1e-30)).item<double>(), 1e-6) << t;
            }
        }
        EXPECT_EQ(early.bytes, late.bytes);
    }
}

TEST(GradientReducer, an_overflow_is_found_while_buckets_are_already_out) {
    // Tensor 0, which a pass comes to last, outgrows its grid in the second step, on one rank and for one pass alone.
    const auto run = [](bool overlap) {
        std::mutex mutex;
        std::vector<torch::Tensor> result;
        std::int64_t repeats = 0;
        parallel::run_thread_ranks(3, [&](parallel::Communicator& comm) {
            GradientReducer reducer(comm, {{"first", torch::zeros({600'000})}, {"last", torch::zeros({600'000})}}, {.overlap = overlap});
            for (int step = 0; step < 3; ++step) {
                std::vector<torch::Tensor> sums;
                while (sums.empty()) {
                    reducer.begin(100, 2);
                    for (std::int64_t pass = 0; pass < 2; ++pass)
                        for (const std::size_t t : {1, 0}) {
                            const bool large = step == 1 && t == 0 && pass == 1 && comm.rank() == 2;
                            reducer.add(t, torch::full({600'000}, large ? 1e6 : 0.125));
                            reducer.passed(t);
                        }
                    sums = reducer.reduce(step);
                }
                const std::lock_guard lock(mutex);
                for (const auto& sum : sums) result.push_back(sum.clone());
            }
            const std::lock_guard lock(mutex);
            repeats = reducer.repeats();
        });
        EXPECT_EQ(repeats, 2);  // the first step, which measures, and the one that outgrew its grid
        return result;
    };
    const auto early = run(true);
    EXPECT_EQ(early.size(), 18U);
    for (const auto& sum : early) EXPECT_TRUE(sum[0].item<float>() == 0.75F || std::abs(sum[0].item<float>() - 1000000.625F) < 0.1F) << sum[0];
    EXPECT_EQ(std::count_if(early.begin(), early.end(), [](const auto& sum) { return sum[0].template item<float>() > 1; }), 3);
}

TEST(GradientReducer, more_passes_than_announced_are_an_error) {
    EXPECT_THROW(parallel::run_thread_ranks(2, [](parallel::Communicator& comm) {
                     GradientReducer reducer(comm, one_tensor(2), {.kind = Reduction::fast});
                     reducer.begin(3, 1);
                     for (int i = 0; i < 2; ++i) {
                         reducer.add(0, torch::ones({2}));
                         reducer.passed(0);
                     }
                     reducer.reduce(0);
                 }),
                 base::Error);
}

TEST(GradientReducer, fast_sums_are_near_and_send_less) {
    const std::vector<std::int64_t> sizes{600'000, 40'000};
    const Terms term = [&](int rank, std::int64_t pass, std::size_t tensor) {
        return torch::sin(torch::arange(sizes[tensor]).to(torch::kFloat) + static_cast<double>(rank) + 0.1 * static_cast<double>(pass));
    };
    for (const auto& passes : {std::vector<std::int64_t>{4}, {2, 2}, {2, 0, 3}, {1, 1, 1, 1, 2}}) {
        const Early exact = reduce_early(sizes, passes, term, {});
        for (const bool overlap : {true, false}) {
            const Early fast = reduce_early(sizes, passes, term, {Reduction::fast, overlap});
            const Early rounded = reduce_early(sizes, passes, term, {Reduction::fast_bf16, overlap});
            EXPECT_EQ(fast.repeats, 0);
            for (std::size_t t = 0; t < sizes.size(); ++t) {
                const auto norm = exact.sums[t].norm();
                EXPECT_LT(((fast.sums[t] - exact.sums[t]).norm() / norm).item<double>(), 1e-6);
                EXPECT_LT(((rounded.sums[t] - exact.sums[t]).norm() / norm).item<double>(), 1e-2);
            }
            EXPECT_NEAR(static_cast<double>(fast.bytes) * 3, static_cast<double>(exact.bytes) * 2, 100);
            EXPECT_NEAR(static_cast<double>(rounded.bytes) * 3, static_cast<double>(exact.bytes), 100);
        }
    }
}

TEST(GradientReducer, fast_sums_that_are_no_numbers_are_an_error_on_all) {
    for (const auto kind : {Reduction::fast, Reduction::fast_bf16})
        parallel::run_thread_ranks(3, [kind](parallel::Communicator& comm) {
            GradientReducer reducer(comm, one_tensor(7), {.kind = kind});
            reducer.begin(3, 1);
            reducer.add(0, torch::full({7}, comm.rank() == 1 ? std::numeric_limits<double>::quiet_NaN() : 1.0));
            reducer.passed(0);
            EXPECT_THROW(reducer.reduce(5), base::Error);
        });
}

// Terms whose sum takes more than 53 bits on the way. Where earlier gradients were as large as 2^30, the grid's step is
// 2^30 * 2^10 / 2^50, and 2^40 is the largest that fits. Beside sums of those, doubles lose the small terms' bits, and even
// whole grid steps; the grid rounds each term once and loses nothing more.
constexpr float earlier_largest = 0x1p30F;
constexpr double grid_step = 0x1p-10;
constexpr std::int64_t elements = 16;

std::vector<torch::Tensor> terms_that_doubles_lose() {
    torch::manual_seed(11);
    std::vector<torch::Tensor> terms;
    for (int i = 0; i < 301; ++i) {
        for (const double value : {0x1p40, -0x1p40}) terms.push_back(torch::full({elements}, value));
        terms.push_back(torch::randn({elements}) * 0.1);
    }
    return terms;
}

// As the grid rounds it.
torch::Tensor in_grid_steps(const torch::Tensor& term) { return (term.to(torch::kDouble) / grid_step).round(); }

torch::Tensor sum_on_the_grid(const std::vector<torch::Tensor>& terms) {
    auto steps = torch::zeros({elements}, torch::kLong);
    for (const auto& term : terms) steps += in_grid_steps(term).to(torch::kLong);
    return (steps.to(torch::kDouble) * grid_step).to(torch::kFloat);
}

// A sum in doubles in the same order: each rank's own terms, then the ranks'.
torch::Tensor sum_in_doubles(const std::vector<torch::Tensor>& terms, int ranks, bool rounded_to_the_grid) {
    std::vector<torch::Tensor> by_rank;
    for (int rank = 0; rank < ranks; ++rank) by_rank.push_back(torch::zeros({elements}, torch::kDouble));
    for (std::size_t i = 0; i < terms.size(); ++i)
        by_rank[i % by_rank.size()] += rounded_to_the_grid ? in_grid_steps(terms[i]) * grid_step : terms[i].to(torch::kDouble);
    for (std::size_t r = 1; r < by_rank.size(); ++r) by_rank[0] += by_rank[r];
    return by_rank[0].to(torch::kFloat);
}

std::vector<float> values_of(const torch::Tensor& tensor) {
    return {tensor.data_ptr<float>(), tensor.data_ptr<float>() + tensor.numel()};
}

TEST(GradientReducer, loses_nothing_that_doubles_would_lose) {
    auto terms = terms_that_doubles_lose();
    const auto expected = sum_on_the_grid(terms);
    std::mt19937 shuffle(1);
    for (const int ranks : {1, 2, 3, 4}) {
        std::set<std::vector<float>> plain, rounded;
        for (int round = 0; round < 3; ++round) {
            std::shuffle(terms.begin(), terms.end(), shuffle);
            plain.insert(values_of(sum_in_doubles(terms, ranks, false)));
            rounded.insert(values_of(sum_in_doubles(terms, ranks, true)));
            EXPECT_TRUE(torch::equal(sum(terms, ranks, earlier_largest), expected)) << ranks << " ranks";

            // The same terms cut in two tensors, whose sums leave early.
            const auto term = [&](int rank, std::int64_t pass, std::size_t tensor) {
                const auto& whole = terms[static_cast<std::size_t>(pass * ranks + rank)];
                return tensor == 0 ? whole.slice(0, 0, 5) : whole.slice(0, 5, elements);
            };
            std::vector<std::int64_t> passes;
            for (int rank = 0; rank < ranks; ++rank) passes.push_back((std::ssize(terms) - rank + ranks - 1) / ranks);
            const Early early = reduce_early({5, elements - 5}, passes, term, {}, earlier_largest);
            EXPECT_TRUE(torch::equal(torch::cat(early.sums), expected)) << ranks << " ranks, early";
            EXPECT_EQ(early.repeats, 0) << "all fits the grid";
        }
        EXPECT_GT(plain.size(), 1U) << "doubles would do";
        EXPECT_GT(rounded.size(), 1U) << "doubles would do on the grid";
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

TEST(FixedPointKernel, comes_back_from_the_grid_rounded_once) {
    const std::vector<std::int64_t> sums{0, 1, -3, (std::int64_t{1} << 61) + 12345, -(std::int64_t{1} << 53) - 1, 33554433};
    for (const int exponent : {0, 40, -3}) {
        std::vector<float> values(sums.size());
        from_grid(sums.data(), std::ssize(sums), std::ldexp(1.0, -exponent), values.data());
        for (std::size_t i = 0; i < sums.size(); ++i)
            EXPECT_EQ(values[i], static_cast<float>(std::ldexp(static_cast<double>(sums[i]), -exponent))) << sums[i];
    }
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
