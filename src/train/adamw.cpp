#include "train/adamw.h"

#include <cmath>

#include "base/worker_threads.h"

namespace kohort::train {

AdamW::AdamW(std::vector<model::Parameter> parameters, const ParameterChunks& chunks, const parallel::Range& share,
             std::vector<ParameterRule> rules, const AdamWOptions& options)
    : parameters_(std::move(parameters)), chunks_(chunks), share_(share), elements_(chunks_.elements_of(share)),
      rules_(std::move(rules)), options_(options) {
    const auto device = parameters_.empty() ? torch::Device(torch::kCPU) : parameters_[0].value.device();
    first_ = torch::zeros({elements_.last - elements_.first}, torch::dtype(torch::kFloat).device(device));
    second_ = torch::zeros_like(first_);
}

void AdamW::step(const std::vector<torch::Tensor>& gradients, double gradient_factor, double learning_rate, int threads) {
    ++steps_;
    const double correction1 = 1 - std::pow(options_.beta1, static_cast<double>(steps_));
    const double correction2 = std::sqrt(1 - std::pow(options_.beta2, static_cast<double>(steps_)));

    base::parallel_for(threads, share_.last - share_.first, [&](std::int64_t i) {
        const torch::NoGradGuard no_grad;  // the mode belongs to a thread
        const std::int64_t chunk = share_.first + i;
        const auto& [tensor, begin, end] = chunks_[chunk];
        const auto& [decays, rate_share] = rules_[tensor];
        const double rate = learning_rate * rate_share;
        const auto [flat_begin, flat_end] = chunks_.elements_of({chunk, chunk + 1});
        auto value = parameters_[tensor].value.view({-1}).slice(0, begin, end);
        auto gradient = gradients[tensor].view({-1}).slice(0, begin, end);
        auto first = first_.slice(0, flat_begin - elements_.first, flat_end - elements_.first);
        auto second = second_.slice(0, flat_begin - elements_.first, flat_end - elements_.first);
        if (gradient_factor != 1) gradient.mul_(gradient_factor);
        if (decays) value.mul_(1 - rate * options_.weight_decay);
        first.mul_(options_.beta1).add_(gradient, 1 - options_.beta1);
        second.mul_(options_.beta2).addcmul_(gradient, gradient, 1 - options_.beta2);
        const auto divisor = second.sqrt().div_(correction2).add_(options_.epsilon);
        value.addcdiv_(first, divisor, -rate / correction1);
    });
}

}  // namespace kohort::train
