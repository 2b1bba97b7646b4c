#include "train/best_weights.h"

#include "train/share_gather.h"

namespace kohort::train {

BestWeights::BestWeights(const FlatTensors& weights, const parallel::Range& elements)
    : elements_(elements), kept_(torch::empty({elements.last - elements.first}, torch::kFloat)), values_({kept_}) {
    keep(weights);
}

void BestWeights::keep(const FlatTensors& weights) { weights.read(elements_.first, kept_); }

void BestWeights::restore(parallel::Communicator& comm, const FlatTensors& weights, const std::vector<parallel::Range>& elements,
                          torch::Device device) const {
    weights.write(elements_.first, kept_);
    gather_shares(comm, weights, elements, device);
}

}  // namespace kohort::train
