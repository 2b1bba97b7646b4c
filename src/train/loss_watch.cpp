#include "train/loss_watch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace kohort::train {

std::vector<double> LossWatch::state() const {
    std::vector<double> result;
    if (!first_) return result;
    result = {*first_, best_, knew_something_ ? 1.0 : 0.0, static_cast<double>(at_chance_)};
    result.insert(result.end(), recent_.begin(), recent_.end());
    return result;
}

void LossWatch::restore(const std::vector<double>& state) {
    if (state.empty()) return;
    first_ = state.at(0);
    best_ = state.at(1);
    knew_something_ = state.at(2) != 0;
    at_chance_ = static_cast<std::int64_t>(state.at(3));
    recent_.assign(state.begin() + 4, state.end());
}

void LossWatch::add(std::int64_t step, double loss, double chance) {
    if (!std::isfinite(loss))
        base::fail(base::ErrorKind::internal,
                   "the loss is not a finite number in training step {}; a lower learning rate, or fp32 instead of bf16, usually helps", step);
    if (!first_) first_ = loss;
    if (chance > 0) {
        const double off_chance = std::abs(loss - chance) / chance;
        knew_something_ |= off_chance > 1e-2;
        at_chance_ = off_chance < 1e-3 ? at_chance_ + 1 : 0;
    }
    if (factor_ > 0 && knew_something_ && at_chance_ >= static_cast<std::int64_t>(window))
        base::fail(base::ErrorKind::internal,
                   "the training diverges: for {} steps up to step {} the loss is {:.4g}, which is what equal vectors for all texts give; "
                   "lower the learning rate, or lengthen the warm-up (--divergence 0 trains on all the same)",
                   window, step, loss);
    recent_.push_back(loss);
    if (recent_.size() > window) recent_.pop_front();
    if (recent_.size() < window || factor_ <= 0) return;
    const double mean = std::accumulate(recent_.begin(), recent_.end(), 0.0) / static_cast<double>(window);
    best_ = std::min(best_, mean);
    const bool far_above = mean > factor_ * std::max(*first_, 1.0);
    const bool lost = best_ < *first_ - 1 && mean > (*first_ + best_) / 2;
    if (far_above || lost)
        base::fail(base::ErrorKind::internal,
                   "the training diverges: the mean loss of {} steps up to step {} is {:.4g}, after {:.4g} in the first step and {:.4g} at "
                   "best; lower the learning rate, or lengthen the warm-up (--divergence 0 trains on all the same)",
                   window, step, mean, *first_, best_);
}

}  // namespace kohort::train
