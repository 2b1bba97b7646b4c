// The loss in blocks against LibTorch's own cross entropy and autograd on the whole table, and the same bits however many
// threads and ranks share the blocks.
#include "train/softmax_loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <mutex>
#include <vector>

#include "parallel/thread_communicator.h"

namespace kohort::train {
namespace {

struct Case {
    torch::Tensor anchors, candidates, own, target;
    Exclusion excluded;

    Case(std::int64_t n, std::int64_t m, std::int64_t d) {
        torch::manual_seed(7);
        const auto unit = [&](std::int64_t rows) {
            return torch::nn::functional::normalize(torch::randn({rows, d}, torch::kDouble), torch::nn::functional::NormalizeFuncOptions().dim(1));
        };
        anchors = unit(n), candidates = unit(m);
        target = torch::arange(n, torch::kLong).remainder(m);
        own = (anchors * candidates.index_select(0, target)).sum(1) + 0.05;  // as of another vector: leave_one_out_loss.h
        excluded = [n, m](std::int64_t first, std::int64_t last) {
            const auto rows = torch::arange(first, last, torch::kLong).unsqueeze(1), columns = torch::arange(m, torch::kLong);
            EXPECT_LE(last, n);
            return (rows + columns).remainder(5).eq(0);
        };
    }
    SoftmaxLoss loss(double margin, const LossWorkers& workers = {}) const {
        return softmax_loss(anchors, candidates, own, target, excluded, 0.1, margin, workers);
    }
};

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST(SoftmaxLoss, is_that_of_the_whole_table_with_its_gradients) {
    for (const auto& [n, m] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {5, 3}, {700, 301}, {257, 5000}})
        for (const double margin : {0.0, 0.3, 2.0}) {
            const Case c(n, m, 6);
            const auto anchors = c.anchors.clone().requires_grad_(true), candidates = c.candidates.clone().requires_grad_(true),
                       own = c.own.clone().requires_grad_(true);
            const auto place = c.target.unsqueeze(1);
            const auto products = torch::matmul(anchors, candidates.t());
            const auto none = (c.excluded(0, n) | products.detach().gt(c.own.unsqueeze(1) + margin)).scatter(1, place, false);
            const auto scores = products.masked_fill(none, -std::numeric_limits<double>::infinity()).scatter(1, place, own.unsqueeze(1)) / 0.1;
            const auto expected = torch::cross_entropy_loss(scores, c.target);
            const auto gradients = torch::autograd::grad({expected}, {anchors, candidates, own});
            for (const int threads : {1, 3}) {
                const auto found = c.loss(margin, {nullptr, threads});
                EXPECT_NEAR(found.loss, expected.item<double>(), 1e-12);
                EXPECT_LT(largest_difference(found.of_anchors, gradients[0]), 1e-14);
                EXPECT_LT(largest_difference(found.of_candidates, gradients[1]), 1e-14);
                EXPECT_LT(largest_difference(found.of_own, gradients[2]), 1e-14);
                EXPECT_NEAR(found.chance, none.logical_not().sum(1).to(torch::kDouble).log().mean().item<double>(), 1e-12);
            }
        }
}

TEST(SoftmaxLoss, has_the_same_bits_at_any_threads_and_ranks) {
    const Case c(4100, 4099, 3);  // so many that ranks share them
    const auto expected = c.loss(0.5);
    for (const int ranks : {1, 2, 3, 5})
        parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
            const auto found = c.loss(0.5, {&comm, ranks == 2 ? 2 : 1});
            EXPECT_EQ(found.loss, expected.loss);
            EXPECT_EQ(found.chance, expected.chance);
            EXPECT_TRUE(torch::equal(found.of_anchors, expected.of_anchors)) << ranks;
            EXPECT_TRUE(torch::equal(found.of_candidates, expected.of_candidates)) << ranks;
            EXPECT_TRUE(torch::equal(found.of_own, expected.of_own)) << ranks;
            EXPECT_EQ(comm.statistics().operations > 0, ranks > 1) << "the work is shared";
        });
}

}  // namespace
}  // namespace kohort::train
