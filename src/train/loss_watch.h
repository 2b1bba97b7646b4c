// Finds a training whose loss has run away, before it costs more hours. What counts is a mean over many steps, so that
// no single batch raises an alarm.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <vector>

namespace kohort::train {

class LossWatch {
  public:
    // factor: see add(); 0 looks for numbers that are not finite only.
    explicit LossWatch(double factor) : factor_(factor) {}

    // What a checkpoint keeps of it, so that a resumed training ends where an uninterrupted one would; empty before the first
    // loss.
    std::vector<double> state() const;
    void restore(const std::vector<double>& state);

    // Throws Error(internal) that names the step where the loss is not finite, or where the mean of the last 32 losses is
    // more than `factor` times the first step's (or 1, where that is less), or, once such a mean was 1 below the first
    // step's, is more than half the way back to it: most of what was learned is lost.
    void add(std::int64_t step, double loss);

    static constexpr std::size_t window = 32;  // steps after which a loss that has run away is found

  private:
    double factor_;
    std::optional<double> first_;
    std::deque<double> recent_;
    double best_ = std::numeric_limits<double>::infinity();  // mean of a window
};

}  // namespace kohort::train
