#include "train/flat_tensors.h"

#include <algorithm>

#include "base/error.h"

namespace kohort::train {

FlatTensors::FlatTensors(const std::vector<torch::Tensor>& tensors) {
    for (const torch::Tensor& tensor : tensors) add(tensor);
}

FlatTensors::FlatTensors(const std::vector<model::Parameter>& parameters) {
    for (const model::Parameter& parameter : parameters) add(parameter.value);
}

void FlatTensors::add(const torch::Tensor& tensor) {
    if (tensor.scalar_type() != torch::kFloat || !tensor.is_contiguous())
        base::fail(base::ErrorKind::internal, "a flat vector is of contiguous fp32 tensors");
    tensors_.push_back(tensor.detach().view({-1}));
    offsets_.push_back(offsets_.back() + tensor.numel());
}

void FlatTensors::walk(std::int64_t first, const torch::Tensor& other,
                       const std::function<void(torch::Tensor, torch::Tensor)>& visit) const {
    const std::int64_t last = first + other.numel();
    if (first < 0 || last > size())
        base::fail(base::ErrorKind::internal, "elements {} to {} of a flat vector of {}", first, last, size());
    const torch::NoGradGuard no_grad;
    auto t = static_cast<std::size_t>(std::upper_bound(offsets_.begin(), offsets_.end(), first) - offsets_.begin() - 1);
    for (std::int64_t at = first; at < last; ++t) {
        const std::int64_t end = std::min(offsets_[t + 1], last);
        if (end == at) continue;  // an empty tensor
        visit(tensors_[t].slice(0, at - offsets_[t], end - offsets_[t]), other.slice(0, at - first, end - first));
        at = end;
    }
}

void FlatTensors::read(std::int64_t first, const torch::Tensor& to) const {
    walk(first, to, [](const torch::Tensor& own, torch::Tensor part) { part.copy_(own); });
}

void FlatTensors::write(std::int64_t first, const torch::Tensor& from) const {
    walk(first, from, [](torch::Tensor own, const torch::Tensor& part) { own.copy_(part); });
}

}  // namespace kohort::train
