#include "train/gradient_reducer.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"
#include "model/torch_compat.h"
#include "parallel/collectives.h"
#include "parallel/exact_sum.h"
#include "train/fixed_point_kernel.h"

namespace kohort::train {
namespace {

constexpr float headroom = 1024;                           // growth of a gradient from step to step that still fits
constexpr std::int64_t bucket_elements = std::int64_t{1} << 19;  // 4 MiB of int64 a message

// The gradient's values as they are added: [rows, width] or flat, contiguous fp32.
torch::Tensor as_terms(const torch::Tensor& values) { return values.to(torch::kFloat).contiguous(); }

std::int32_t largest_of(const torch::Tensor& terms) {
    if (terms.numel() == 0) return 0;
    if (terms.is_cpu())
        return static_cast<std::int32_t>(largest_magnitude_bits(terms.data_ptr<float>(), terms.numel()));
    const auto bits = terms.abs().view(torch::kInt).max().item<std::int32_t>();
    return bits & 0x7FFFFFFF;
}

torch::Tensor on_grid(const torch::Tensor& terms, double scale) {
    return terms.to(torch::kDouble).mul_(scale).round_().to(torch::kLong);
}

void add_dense(const torch::Tensor& terms, double scale, torch::Tensor& sums) {
    if (terms.is_cpu())
        add_on_grid(terms.data_ptr<float>(), terms.numel(), scale, sums.data_ptr<std::int64_t>());
    else
        sums.add_(on_grid(terms.flatten(), scale));
}

// rows [n] int64; terms [n, width]; sums: flat [anything, width].
void add_rows(const torch::Tensor& rows, const torch::Tensor& terms, double scale, torch::Tensor& sums) {
    const std::int64_t width = terms.size(1);
    if (!terms.is_cpu()) {
        sums.view({-1, width}).index_add_(0, rows, on_grid(terms, scale));
        return;
    }
    const auto index = rows.contiguous();
    for (std::int64_t i = 0; i < index.numel(); ++i)
        add_on_grid(terms.data_ptr<float>() + i * width, width, scale,
                    sums.data_ptr<std::int64_t>() + index.data_ptr<std::int64_t>()[i] * width);
}

}  // namespace

GradientReducer::GradientReducer(parallel::Communicator& comm, std::vector<model::Parameter> parameters)
    : comm_(comm), parameters_(std::move(parameters)), recent_largest_(parameters_.size(), 0),
      exponents_(parameters_.size(), 0), largest_bits_(parameters_.size(), 0),
      mutexes_(std::make_unique<std::mutex[]>(parameters_.size())) {
    for (const model::Parameter& parameter : parameters_) offsets_.push_back(offsets_.back() + parameter.value.numel());
    sums_ = torch::zeros({offsets_.back()},
                         torch::dtype(torch::kLong).device(parameters_.empty() ? torch::kCPU : parameters_[0].value.device()));
}

void GradientReducer::set_recent_largest(std::vector<float> values) {
    if (values.size() != parameters_.size())
        base::fail(base::ErrorKind::internal, "{} grids for {} tensors", values.size(), parameters_.size());
    recent_largest_ = std::move(values);
}

float GradientReducer::bound(std::size_t tensor) const { return recent_largest_[tensor] * headroom; }

torch::Tensor GradientReducer::sums_of(std::size_t tensor) const {
    return sums_.slice(0, offsets_[tensor], offsets_[tensor + 1]);
}

void GradientReducer::begin(std::int64_t terms) {
    sums_.zero_();
    std::fill(largest_bits_.begin(), largest_bits_.end(), 0);
    for (std::size_t t = 0; t < parameters_.size(); ++t)
        exponents_[t] = std::min(parallel::fixed_point_exponent(terms, bound(t)),
                                 parallel::fixed_point_exponent(1, bound(t)) - (62 - most_term_bits));
}

void GradientReducer::add(std::size_t tensor, const torch::Tensor& gradient) {
    if (!gradient.defined()) return;
    const torch::NoGradGuard no_grad;
    const bool sparse = gradient.is_sparse();
    const auto terms = as_terms(sparse ? gradient._values() : gradient);
    const std::int32_t largest = largest_of(terms);
    const double scale = std::ldexp(1.0, exponents_[tensor]);

    std::lock_guard lock(mutexes_[tensor]);
    largest_bits_[tensor] = std::max(largest_bits_[tensor], largest);
    // What does not fit is left out: reduce() will see that and have the step computed again.
    if (largest > std::bit_cast<std::int32_t>(bound(tensor))) return;
    auto sums = sums_of(tensor);
    if (sparse)
        add_rows(gradient._indices().select(0, 0), terms, scale, sums);
    else
        add_dense(terms, scale, sums);
}

void GradientReducer::sum_over_ranks() {
    if (comm_.size() == 1) return;
    const auto device = sums_.is_cpu() ? parallel::Device::host : parallel::Device::cuda;
    auto* stream = model::compat::current_stream(sums_.device());
    std::vector<parallel::Request> requests;
    for (std::int64_t begin = 0; begin < sums_.numel(); begin += bucket_elements)
        requests.push_back(comm_.start_all_reduce({sums_.data_ptr<std::int64_t>() + begin, std::min(bucket_elements, sums_.numel() - begin),
                                                   parallel::DataType::int64, device, stream},
                                                  parallel::ReduceOperation::sum));
    for (parallel::Request& request : requests) request.wait();
}

std::vector<torch::Tensor> GradientReducer::reduce(std::int64_t step) {
    const torch::NoGradGuard no_grad;
    // Bits of non-negative floats order as the floats do, so that MAX of integers finds infinities and NaN as well.
    parallel::all_reduce(comm_, std::span<std::int32_t>(largest_bits_), parallel::ReduceOperation::maximum);
    bool fits = true;
    for (std::size_t t = 0; t < parameters_.size(); ++t) {
        if (largest_bits_[t] >= static_cast<std::int32_t>(infinity_bits))
            base::fail(base::ErrorKind::internal,
                       "the gradient of {} is not a finite number in training step {}; a lower learning rate, or "
                       "fp32 instead of bf16, usually helps",
                       parameters_[t].name, step);
        fits = fits && largest_bits_[t] <= std::bit_cast<std::int32_t>(bound(t));
    }
    for (std::size_t t = 0; t < parameters_.size(); ++t) {
        // The grid follows growth at once and shrinking gradients slowly.
        const auto largest = std::bit_cast<float>(largest_bits_[t]);
        recent_largest_[t] = std::max(largest, fits ? recent_largest_[t] / 2 : recent_largest_[t]);
    }
    if (!fits) {
        ++repeats_;
        return {};
    }
    sum_over_ranks();
    std::vector<torch::Tensor> gradients;
    for (std::size_t t = 0; t < parameters_.size(); ++t)
        gradients.push_back(sums_of(t).to(torch::kDouble).mul_(std::ldexp(1.0, -exponents_[t])).to(torch::kFloat)
                                .view(parameters_[t].value.sizes()));
    return gradients;
}

}  // namespace kohort::train
