// What the next step of a training depends on: a few numbers that are the same on all ranks, and values for each
// element of the parameters. All random numbers and the sampler's place follow from the seed (part of the key) and
// the number of steps done.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/layers.h"
#include "parallel/balanced_ranges.h"
#include "train/flat_tensors.h"

namespace kohort::train {

struct TrainingProgress {
    std::int64_t step = 0;                                       // steps done
    std::vector<float> recent_largest;                           // GradientReducer's
    std::vector<std::pair<std::int64_t, double>> loss;           // (step, loss) so far, for the curve in the report
    std::vector<std::pair<std::int64_t, double>> held_out_loss;  // (steps done, loss) of each evaluation
    std::vector<double> watched;                                 // LossWatch's

    bool operator==(const TrainingProgress&) const = default;
};

// One value for each element of the parameters, such as a moment: all of them, or a rank's share.
struct StateVector {
    std::string name;
    parallel::Range elements;  // of the long vector of all parameters
    FlatTensors values;        // those elements; the training's own storage
};

struct TrainingState {
    TrainingProgress progress;
    std::vector<model::Parameter> parameters;  // for their names and shapes
    std::vector<StateVector> vectors;          // in the order in which they are written
};

}  // namespace kohort::train
