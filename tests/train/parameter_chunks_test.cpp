// Chunks, shares of them, and values as one long vector.
#include "train/parameter_chunks.h"

#include <gtest/gtest.h>

#include "parallel/thread_communicator.h"
#include "train/flat_tensors.h"
#include "train/gradient_norm.h"
#include "train/share_gather.h"

namespace kohort::train {
namespace {

std::vector<model::Parameter> parameters_of(const std::vector<std::vector<std::int64_t>>& shapes) {
    std::vector<model::Parameter> result;
    for (const auto& shape : shapes) result.push_back({"p" + std::to_string(result.size()), torch::zeros(shape)});
    return result;
}

// A large matrix, small ones, an empty one and a scalar's like.
const std::vector<std::vector<std::int64_t>> shapes{{700, 300}, {3}, {0, 4}, {90, 1000}, {1}};

TEST(ParameterChunks, cover_every_element_once_and_in_order) {
    const auto parameters = parameters_of(shapes);
    const ParameterChunks chunks(parameters);
    std::int64_t at = 0;
    for (std::int64_t c = 0; c < chunks.all().last; ++c) {
        const auto& [tensor, begin, end] = chunks[c];
        EXPECT_LT(begin, end);
        EXPECT_LE(end, parameters[tensor].value.numel());
        const auto elements = chunks.elements_of({c, c + 1});
        EXPECT_EQ(elements.first, at);
        EXPECT_EQ(elements.last - elements.first, end - begin);
        at = elements.last;
    }
    EXPECT_EQ(at, chunks.elements());
    EXPECT_EQ(at, 700 * 300 + 3 + 90 * 1000 + 1);
}

TEST(ParameterChunks, shares_follow_one_another_and_are_equal_within_a_chunk) {
    const ParameterChunks chunks(parameters_of({{1000, 1000}, {17}, {500, 2000}}));
    for (const int ranks : {1, 2, 3, 5, 8, 64}) {
        std::int64_t next = 0;
        for (const parallel::Range& share : chunks.shares(ranks)) {
            EXPECT_EQ(share.first, next);
            next = share.last;
            const auto elements = chunks.elements_of(share);
            EXPECT_NEAR(static_cast<double>(elements.last - elements.first), 2000017.0 / ranks, 1 << 16) << ranks;
        }
        EXPECT_EQ(next, chunks.all().last);
    }
}

TEST(FlatTensors, read_and_write_across_the_seams) {
    const auto a = torch::arange(6, torch::kFloat).view({2, 3}), none = torch::empty({0}), b = torch::arange(6, 10, torch::kFloat);
    const FlatTensors flat(std::vector<torch::Tensor>{a, none, b});
    ASSERT_EQ(flat.size(), 10);
    for (std::int64_t first = 0; first <= 10; ++first)
        for (std::int64_t last = first; last <= 10; ++last) {
            const auto part = torch::empty({last - first});
            flat.read(first, part);
            EXPECT_TRUE(torch::equal(part, torch::arange(first, last, torch::kFloat)));
        }
    flat.write(4, torch::tensor({40.0F, 50.0F, 60.0F}));
    EXPECT_EQ(a[1][1].item<float>(), 40);
    EXPECT_EQ(b[0].item<float>(), 60);
    EXPECT_EQ(b[1].item<float>(), 7);
    EXPECT_ANY_THROW(flat.read(8, torch::empty({3})));
}

TEST(ShareGather, brings_every_rank_all_shares_whatever_the_messages_size) {
    for (const int ranks : {1, 2, 3, 5})
        for (const std::int64_t most : {1, 7, 100000})
            parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
                // Elements 0..99, the shares unequal and one of them empty.
                std::vector<parallel::Range> shares;
                std::int64_t at = 0;
                for (int rank = 0; rank < ranks; ++rank) {
                    const std::int64_t last = rank + 1 == ranks ? 100 : rank == 1 ? at : std::min<std::int64_t>(100, at + 13 * (rank + 1));
                    shares.push_back({at, last});
                    at = last;
                }
                const auto a = torch::full({30}, -1.0F), b = torch::full({7, 10}, -1.0F);
                const FlatTensors values(std::vector<torch::Tensor>{a, b});
                const auto& own = shares[static_cast<std::size_t>(comm.rank())];
                values.write(own.first, torch::arange(own.first, own.last, torch::kFloat));
                gather_shares(comm, values, shares, torch::kCPU, most);
                EXPECT_TRUE(torch::equal(torch::cat({a, b.flatten()}), torch::arange(0, 100, torch::kFloat)));
            });
}

TEST(GlobalNorm, is_the_euclidean_norm_and_the_same_bits_at_any_number_of_ranks_and_threads) {
    torch::manual_seed(5);
    const auto parameters = parameters_of(shapes);
    const ParameterChunks chunks(parameters);
    std::vector<torch::Tensor> gradients;
    double naive = 0;
    for (const auto& shape : shapes) {
        gradients.push_back(torch::randn(shape) * 1e3);
        naive += gradients.back().to(torch::kDouble).square().sum().item<double>();
    }
    double one = 0;
    for (const int ranks : {1, 2, 3, 5, 8})
        parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
            const double norm = global_norm(comm, gradients, chunks, chunks.shares(ranks), 1 + ranks % 2);
            EXPECT_NEAR(norm, std::sqrt(naive), 1e-9 * norm);
            if (ranks == 1) one = norm;
            else EXPECT_EQ(norm, one);
        });
}

}  // namespace
}  // namespace kohort::train
