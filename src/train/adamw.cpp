#include "train/adamw.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/worker_threads.h"

namespace kohort::train {
namespace {

constexpr std::int64_t chunk_elements = 1 << 16;  // four arrays of this size stay in a core's cache

// A GPU takes a tensor at once.
std::int64_t chunk_of(const torch::Tensor& tensor) { return tensor.is_cpu() ? chunk_elements : tensor.numel(); }

bool ends_with(const std::string& text, const std::string& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

bool decays(const model::Parameter& parameter) {
    return parameter.value.dim() >= 2 && !ends_with(parameter.name, ".bias") &&
           parameter.name.find("LayerNorm") == std::string::npos;
}

double global_norm(const std::vector<torch::Tensor>& gradients) {
    double squares = 0;
    for (const torch::Tensor& gradient : gradients) squares += gradient.to(torch::kDouble).square_().sum().item<double>();
    return std::sqrt(squares);
}

double clip_factor(double norm, double clip) {
    if (clip <= 0) return 1;
    return std::min(1.0, clip / (norm + 1e-6));  // as torch's clip_grad_norm_
}

AdamW::AdamW(std::vector<model::Parameter> parameters, const AdamWOptions& options)
    : parameters_(std::move(parameters)), options_(options) {
    for (const model::Parameter& parameter : parameters_) {
        first_.push_back(torch::zeros_like(parameter.value, torch::requires_grad(false)));
        second_.push_back(torch::zeros_like(parameter.value, torch::requires_grad(false)));
    }
}

void AdamW::step(const std::vector<torch::Tensor>& gradients, double gradient_factor, double learning_rate, int threads) {
    const torch::NoGradGuard no_grad;
    ++steps_;
    const double correction1 = 1 - std::pow(options_.beta1, static_cast<double>(steps_));
    const double correction2 = std::sqrt(1 - std::pow(options_.beta2, static_cast<double>(steps_)));

    struct Chunk {
        std::size_t tensor;
        std::int64_t begin, end;
    };
    std::vector<Chunk> chunks;
    for (std::size_t t = 0; t < parameters_.size(); ++t)
        for (std::int64_t begin = 0; begin < parameters_[t].value.numel(); begin += chunk_of(parameters_[t].value))
            chunks.push_back({t, begin, std::min(begin + chunk_of(parameters_[t].value), parameters_[t].value.numel())});

    base::parallel_for(threads, static_cast<std::int64_t>(chunks.size()), [&](std::int64_t i) {
        const torch::NoGradGuard no_grad_here;  // the mode belongs to a thread
        const Chunk& chunk = chunks[static_cast<std::size_t>(i)];
        const auto part = [&](const torch::Tensor& tensor) { return tensor.view({-1}).slice(0, chunk.begin, chunk.end); };
        auto value = part(parameters_[chunk.tensor].value), gradient = part(gradients[chunk.tensor]);
        auto first = part(first_[chunk.tensor]), second = part(second_[chunk.tensor]);
        if (gradient_factor != 1) gradient.mul_(gradient_factor);
        if (decays(parameters_[chunk.tensor])) value.mul_(1 - learning_rate * options_.weight_decay);
        first.mul_(options_.beta1).add_(gradient, 1 - options_.beta1);
        second.mul_(options_.beta2).addcmul_(gradient, gradient, 1 - options_.beta2);
        const auto divisor = second.sqrt().div_(correction2).add_(options_.epsilon);
        value.addcdiv_(first, divisor, -learning_rate / correction1);
    });
}

}  // namespace kohort::train
