#include "train/evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "train/step_sequences.h"

namespace kohort::train {
namespace {

// Samples are drawn as at these positions in the stream of samples, which no training reaches.
constexpr std::int64_t first_position = std::int64_t{1} << 62;

double or_infinity(double loss) { return std::isnan(loss) ? std::numeric_limits<double>::infinity() : loss; }

}  // namespace

Evaluation::Evaluation(parallel::Communicator& comm, const TokenStore& store, Objective& objective, const TrainedModel& model,
                       const TrainOptions& options, const std::vector<std::int64_t>& samples, std::int64_t most)
    : comm_(comm), store_(store), objective_(objective), model_(model), options_(options) {
    options_.dropout = 0;
    const std::int64_t count = std::min(std::ssize(samples), most);
    // No batch is smaller than a step's, so that each sample has as many negatives as in training.
    const std::int64_t batches = std::max<std::int64_t>(1, count / options.batch);
    batches_.resize(static_cast<std::size_t>(batches));
    for (std::int64_t i = 0; i < count; ++i)
        batches_[static_cast<std::size_t>(i * batches / count)].push_back(samples[static_cast<std::size_t>(i * std::ssize(samples) / count)]);
}

double Evaluation::loss() const {
    double sum = 0;
    std::int64_t targets = 0, position = first_position;
    for (const auto& samples : batches_) {
        const StepSequences sequences = collect_samples(
            comm_, store_, objective_.unit(), samples, position, options_.micro_batch_tokens, model_.sizes().hidden,
            [this](std::int64_t sample, std::int64_t at) { return objective_.draw(store_, sample, at); },
            [this](std::int64_t sample, std::int64_t at) { return objective_.note(store_, sample, at); });
        position += std::ssize(samples);
        const StepResult result = objective_.compute({comm_, sequences, model_, nullptr, options_});
        sum += result.loss * static_cast<double>(result.targets);
        targets += result.targets;
    }
    return sum / static_cast<double>(std::max<std::int64_t>(targets, 1));
}

std::size_t best_evaluation(const HeldOutLoss& evaluations) {
    const auto best = std::min_element(evaluations.begin(), evaluations.end(), [](const auto& a, const auto& b) {
        return or_infinity(a.second) < or_infinity(b.second);
    });
    return static_cast<std::size_t>(best - evaluations.begin());
}

bool patience_is_over(const HeldOutLoss& evaluations, std::int64_t patience) {
    if (patience <= 0 || evaluations.empty()) return false;
    return std::ssize(evaluations) - 1 - static_cast<std::int64_t>(best_evaluation(evaluations)) >= patience;
}

}  // namespace kohort::train
