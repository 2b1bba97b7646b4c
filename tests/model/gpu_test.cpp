// The encoder on a real GPU against the same weights on the CPU: vectors, and the gradients that training takes.
#include <gtest/gtest.h>

#include "model/bert.h"
#include "model/device.h"
#include "model/weights.h"

namespace kohort::model {
namespace {

ModelConfig config() {
    ModelConfig config;
    config.vocab_size = 500;
    config.hidden_size = 128;
    config.num_hidden_layers = 3;
    config.num_attention_heads = 4;
    config.intermediate_size = 512;
    config.max_position_embeddings = 64;
    config.initializer_range = 0.1;  // with the usual 0.02 all vectors of untrained weights look alike
    return config;
}

// 40 sequences of 2 to 64 tokens: fused attention kernels differ between full and padded batches.
std::vector<std::vector<std::int32_t>> sequences() {
    std::vector<std::vector<std::int32_t>> all;
    for (std::int32_t i = 0; i < 40; ++i) {
        auto& ids = all.emplace_back();
        for (std::int32_t place = 0; place < 2 + (i * 31) % 63; ++place) ids.push_back((i * 97 + place * place * 13 + 1) % 500);
    }
    return all;
}

double least_cosine(const torch::Tensor& a, const torch::Tensor& b) {
    return torch::cosine_similarity(a.to(torch::kCPU, torch::kDouble), b.to(torch::kCPU, torch::kDouble), -1).min().item<double>();
}

class Gpu : public testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(torch::cuda::is_available()) << "this test needs a GPU"; }

    Bert copy_on(torch::Device device, torch::ScalarType type) const {
        return Bert(bert_.config(), copied_weights(bert_.parameters(), device, type));
    }
    const Bert bert_{config(), random_weights(config(), 3)};
    const torch::Device gpu_{torch::kCUDA, 0};
};

TEST_F(Gpu, is_chosen_where_it_is_there) {
    EXPECT_TRUE(choose_device("auto", 0).cuda);
    EXPECT_EQ(choose_device("cuda", static_cast<int>(torch::cuda::device_count())).index, 0) << "ranks share GPUs in turn";
    EXPECT_FALSE(choose_device("cpu", 0).cuda);
}

TEST_F(Gpu, vectors_agree_with_the_cpu) {
    const torch::NoGradGuard no_gradients;
    const auto on_cpu = make_batch(sequences(), 0), on_gpu = make_batch(sequences(), 0, gpu_);
    const auto expected = bert_.forward(on_cpu);
    const auto expected_mean = mean_pool(expected, on_cpu.lengths);
    // Vectors that all look alike would agree however wrong they were.
    ASSERT_LT(least_cosine(expected_mean.unsqueeze(1), expected_mean.unsqueeze(0)), 0.9);
    for (const auto& [type, least] : {std::pair(torch::kFloat, 0.99999), std::pair(torch::kBFloat16, 0.999)}) {
        const auto hidden = copy_on(gpu_, type).forward(on_gpu);
        EXPECT_GE(least_cosine(mean_pool(hidden, on_gpu.lengths), expected_mean), least) << type;
        EXPECT_GE(least_cosine(cls_pool(hidden), cls_pool(expected)), least) << type;
    }
}

TEST_F(Gpu, gradients_agree_with_the_cpu) {
    const auto gradient = [](const Bert& bert) {
        std::vector<torch::Tensor> parameters;
        for (const auto& parameter : bert.parameters()) parameters.push_back(parameter.value.requires_grad_(true));
        const auto batch = make_batch(sequences(), 0, bert.device());
        const auto vectors = mean_pool(bert.forward(batch), batch.lengths);
        // A loss that asks another thing of every sequence.
        const auto target = torch::arange(vectors.size(0), vectors.options()).cos().unsqueeze(1);
        std::vector<torch::Tensor> flat;
        for (const auto& part : torch::autograd::grad({(vectors - target).square().sum()}, parameters))
            flat.push_back(part.flatten().to(torch::kCPU, torch::kDouble));
        return torch::cat(flat);
    };
    const auto expected = gradient(copy_on(torch::kCPU, torch::kFloat)), got = gradient(copy_on(gpu_, torch::kFloat));
    EXPECT_LT((got - expected).norm().item<double>(), 1e-3 * expected.norm().item<double>());
}

}  // namespace
}  // namespace kohort::model
