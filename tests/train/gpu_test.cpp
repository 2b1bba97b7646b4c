// Training on a real GPU against the same training on the CPU, and against itself.
#include <gtest/gtest.h>

#include "corpus_fixture.h"
#include "model/encoder.h"
#include "model/pretrained.h"
#include "parallel/device_communicator.h"
#include "parallel/thread_communicator.h"
#include "small_model.h"
#include "temporary_folder.h"
#include "train/trainer.h"

namespace kohort::train {
namespace {

struct Trained {
    torch::Tensor weights;  // all of them, on the CPU
    std::vector<std::pair<std::int64_t, double>> loss;
};

TrainOptions options_for(ObjectiveKind objective, double dropout) {
    TrainOptions options;
    options.objective = objective;
    options.steps = 4;
    options.batch = 12;
    options.max_tokens = 10;
    options.micro_batch_tokens = 60;
    options.dropout = dropout;
    options.threads = 2;
    return options;
}

Trained train_on(model::Device device, const TrainOptions& options, const std::filesystem::path& run) {
    const auto host = parallel::make_single_communicator();
    parallel::DeviceCommunicator carrier(*host, parallel::Collectives::automatic, device.cuda);
    const MadeCorpus corpus = make_corpus(40, 3);
    const LetterTokenizer tokenizer;
    const TokenStore store(*host, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; },
                           tokenizer, 1, 32);
    const auto bert = model::on_device(model::make_model(small_config(2), 7), device);
    base::Metrics metrics;
    const auto report = train(carrier.get(), store, *bert, options, run, "key", metrics);
    std::vector<torch::Tensor> flat;
    for (const auto& parameter : bert->parameters()) flat.push_back(parameter.value.detach().cpu().flatten());
    return {torch::cat(flat), report.loss};
}

Trained train_on(model::Device device, const TrainOptions& options) {
    const TemporaryFolder run;
    return train_on(device, options, run.path());
}

class GpuTraining : public testing::TestWithParam<std::pair<ObjectiveKind, double>> {
  protected:
    void SetUp() override { ASSERT_TRUE(torch::cuda::is_available()) << "this test needs a GPU"; }
    const TrainOptions options_ = options_for(GetParam().first, GetParam().second);
    const model::Device gpu_{true, 0}, cpu_;
};

TEST_P(GpuTraining, agrees_with_the_cpu) {
    const auto expected = train_on(cpu_, options_), got = train_on(gpu_, options_);
    ASSERT_EQ(got.loss.size(), expected.loss.size());
    for (std::size_t i = 0; i < got.loss.size(); ++i) EXPECT_NEAR(got.loss[i].second, expected.loss[i].second, 1e-3) << "step " << i;
    // Adam's first steps follow a gradient's sign, so that elements with hardly any gradient may go either way.
    const auto start = train_on(cpu_, [&] { auto none = options_; none.learning_rate = 0; return none; }());
    const auto moved = (expected.weights - start.weights).norm().item<double>();
    ASSERT_GT(moved, 0);
    EXPECT_LT((got.weights - expected.weights).norm().item<double>(), 0.05 * moved);
}

TEST_P(GpuTraining, gives_the_same_bytes_again_and_from_a_checkpoint) {
    const TemporaryFolder run;
    auto often = options_;
    often.checkpoint_every = 0;
    const auto once = train_on(gpu_, often, run.path()), again = train_on(gpu_, options_);
    EXPECT_TRUE(torch::equal(once.weights, again.weights));
    const auto resumed = train_on(gpu_, options_, run.path());  // from the last step's checkpoint
    EXPECT_TRUE(torch::equal(once.weights, resumed.weights));
    EXPECT_EQ(resumed.loss, once.loss);
}

INSTANTIATE_TEST_SUITE_P(Objectives, GpuTraining,
                         testing::Values(std::pair(ObjectiveKind::contrastive, 0.0), std::pair(ObjectiveKind::contrastive, 0.1),
                                         std::pair(ObjectiveKind::masked_language, 0.0),
                                         std::pair(ObjectiveKind::masked_language, 0.1)));

}  // namespace
}  // namespace kohort::train
