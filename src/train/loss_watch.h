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
    // step's, is more than half the way back to it: most of what was learned is lost. `chance`, the loss of one who knows
    // nothing, where that is known (0: it is not): also where the last 32 losses were within a thousandth of it, and an earlier
    // one was not within a hundredth: all vectors have become one.
    void add(std::int64_t step, double loss, double chance = 0);

    static constexpr std::size_t window = 32;  // steps after which a loss that has run away is found

  private:
    double factor_;
    std::optional<double> first_;
    std::deque<double> recent_;
    bool knew_something_ = false;  // a loss was not by chance
    std::int64_t at_chance_ = 0;   // losses in a row that were
    double best_ = std::numeric_limits<double>::infinity();  // mean of a window
};

}  // namespace kohort::train
