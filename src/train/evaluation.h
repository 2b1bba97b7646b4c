// The loss on held-out samples, the same list of them with the same draws each time: what early stopping goes by
// (Prechelt 1998).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "parallel/communicator.h"
#include "train/objective.h"
#include "train/token_store.h"
#include "train/trained_model.h"
#include "train/trainer.h"

namespace kohort::train {

class Evaluation {
  public:
    // On at most `most` of the samples, evenly spread over them. All must outlive it.
    Evaluation(parallel::Communicator& comm, const TokenStore& store, Objective& objective, const TrainedModel& model,
               const TrainOptions& options, const std::vector<std::int64_t>& samples, std::int64_t most = 1024);

    // Collective. The mean loss over the samples' targets, without dropout; alike on all ranks, and at any number.
    double loss() const;

  private:
    parallel::Communicator& comm_;
    const TokenStore& store_;
    Objective& objective_;
    const TrainedModel& model_;
    TrainOptions options_;
    std::vector<std::vector<std::int64_t>> batches_;
};

// A training's evaluations so far, as (steps done, loss).
using HeldOutLoss = std::vector<std::pair<std::int64_t, double>>;

// The place of the first evaluation of the lowest loss; a loss that is no number is never the lowest. Not empty.
std::size_t best_evaluation(const HeldOutLoss& evaluations);

// Whether the last `patience` evaluations (0: any number) brought no loss lower than one before them.
bool patience_is_over(const HeldOutLoss& evaluations, std::int64_t patience);

}  // namespace kohort::train
