#include "train/gradient_reducer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "model/torch_compat.h"
#include "parallel/collectives.h"
#include "parallel/exact_sum.h"
#include "train/fixed_point_kernel.h"

namespace kohort::train {
namespace {

constexpr float headroom = 1024;                           // growth of a gradient from step to step that still fits
constexpr std::int64_t bucket_elements = std::int64_t{1} << 19;  // 4 MiB of int64

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

double seconds(std::chrono::steady_clock::duration time) { return std::chrono::duration<double>(time).count(); }

parallel::Buffer buffer_of(const torch::Tensor& tensor) {
    const auto bytes = static_cast<std::int64_t>(tensor.element_size());
    switch (tensor.scalar_type()) {
        case torch::kLong: return {tensor.data_ptr(), tensor.numel(), parallel::DataType::int64};
        case torch::kFloat: return {tensor.data_ptr(), tensor.numel(), parallel::DataType::float32};
        default: return {tensor.data_ptr(), tensor.numel() * bytes, parallel::DataType::byte};
    }
}

// Counts of elements as counts of what buffer_of() makes of a tensor of that type.
std::vector<std::int64_t> counts_for(const std::vector<std::int64_t>& elements, const torch::Tensor& tensor) {
    auto counts = elements;
    if (tensor.scalar_type() == torch::kBFloat16)
        for (auto& count : counts) count *= 2;
    return counts;
}

}  // namespace

GradientReducer::GradientReducer(parallel::Communicator& comm, std::vector<model::Parameter> parameters,
                                 const ReductionOptions& options)
    : comm_(comm), parameters_(std::move(parameters)), options_(options), recent_largest_(parameters_.size(), 0),
      exponents_(parameters_.size(), 0), largest_bits_(parameters_.size(), 0),
      mutexes_(std::make_unique<std::mutex[]>(parameters_.size())), passes_left_(parameters_.size(), 0) {
    for (const model::Parameter& parameter : parameters_) offsets_.push_back(offsets_.back() + parameter.value.numel());
    const auto device = parameters_.empty() ? torch::Device(torch::kCPU) : parameters_[0].value.device();
    sums_ = torch::zeros({offsets_.back()}, torch::dtype(exact() ? torch::kLong : torch::kFloat).device(device));
    result_ = torch::empty({offsets_.back()}, torch::dtype(torch::kFloat).device(device));
    buckets_ = (offsets_.back() + bucket_elements - 1) / bucket_elements;
    waiting_for_ = std::make_unique<std::atomic<std::int64_t>[]>(static_cast<std::size_t>(buckets_));
    if (!options_.overlap || comm_.size() == 1 || !sums_.is_cpu()) return;
    sibling_ = comm_.make_sibling();
    thread_ = std::make_unique<BucketThread>([this](std::int64_t index) {
        at::set_num_threads(1);  // of this thread's operations
        exchange(*sibling_, index);
    });
}

void GradientReducer::set_recent_largest(std::vector<float> values) {
    if (values.size() != parameters_.size())
        base::fail(base::ErrorKind::internal, "{} grids for {} tensors", values.size(), parameters_.size());
    recent_largest_ = std::move(values);
}

// Finite, so that the grid is one, and what lies above it is seen.
float GradientReducer::bound(std::size_t tensor) const {
    return std::min(recent_largest_[tensor] * headroom, std::numeric_limits<float>::max());
}

torch::Tensor GradientReducer::sums_of(std::size_t tensor) const {
    return sums_.slice(0, offsets_[tensor], offsets_[tensor + 1]);
}

// The last elements first, as backward passes come by them.
GradientReducer::Range GradientReducer::bucket(std::int64_t index) const {
    const std::int64_t end = offsets_.back() - index * bucket_elements;
    return {std::max<std::int64_t>(0, end - bucket_elements), end};
}

template <class Visit>
void GradientReducer::for_buckets_of(std::size_t tensor, const Visit& visit) const {
    if (offsets_[tensor] == offsets_[tensor + 1]) return;
    const std::int64_t last = (offsets_.back() - offsets_[tensor] - 1) / bucket_elements;
    for (std::int64_t b = (offsets_.back() - offsets_[tensor + 1]) / bucket_elements; b <= last; ++b) visit(b);
}

void GradientReducer::begin(std::int64_t terms, std::optional<std::int64_t> passes) {
    // Where nothing is known yet, every gradient is too large for its grid, and nothing need travel.
    const bool measures = exact() && std::all_of(recent_largest_.begin(), recent_largest_.end(), [](float x) { return x == 0; });
    overlapping_ = thread_ && passes && !measures;
    if (thread_) thread_->begin(overlapping_ ? buckets_ : 0);
    under_way_.clear();
    sums_.zero_();
    std::fill(largest_bits_.begin(), largest_bits_.end(), 0);
    if (exact())
        for (std::size_t t = 0; t < parameters_.size(); ++t)
            exponents_[t] = std::min(parallel::fixed_point_exponent(terms, bound(t)),
                                     parallel::fixed_point_exponent(1, bound(t)) - (62 - most_term_bits));
    if (!overlapping_) return;
    std::fill(passes_left_.begin(), passes_left_.end(), *passes);
    for (std::int64_t b = 0; b < buckets_; ++b) waiting_for_[static_cast<std::size_t>(b)] = 0;
    for (std::size_t t = 0; t < parameters_.size(); ++t)
        for_buckets_of(t, [this](std::int64_t b) { ++waiting_for_[static_cast<std::size_t>(b)]; });
    if (*passes == 0)
        for (std::int64_t b = 0; b < buckets_; ++b) thread_->release(b);
}

void GradientReducer::add(std::size_t tensor, const torch::Tensor& gradient) {
    if (!gradient.defined()) return;
    const torch::NoGradGuard no_grad;
    const bool sparse = gradient.is_sparse();
    const auto terms = as_terms(sparse ? gradient._values() : gradient);
    if (!exact()) {
        std::lock_guard lock(mutexes_[tensor]);
        auto sums = sums_of(tensor);
        if (sparse) sums.view({-1, terms.size(1)}).index_add_(0, gradient._indices().select(0, 0), terms);
        else sums.add_(terms.flatten());
        return;
    }
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

void GradientReducer::passed(std::size_t tensor) {
    if (!overlapping_) return;
    {
        std::lock_guard lock(mutexes_[tensor]);
        if (--passes_left_[tensor] > 0) return;
        if (passes_left_[tensor] < 0)
            base::fail(base::ErrorKind::internal, "{} was passed by more micro-batches than there are", parameters_[tensor].name);
    }
    for_buckets_of(tensor, [this](std::int64_t b) {
        if (--waiting_for_[static_cast<std::size_t>(b)] == 0) thread_->release(b);
    });
}

// sums and result: the elements of `range`.
void GradientReducer::convert(Range range, const torch::Tensor& sums, const torch::Tensor& result) const {
    if (!exact()) {
        result.copy_(sums);
        return;
    }
    auto tensor = static_cast<std::size_t>(std::upper_bound(offsets_.begin(), offsets_.end(), range.begin) - offsets_.begin()) - 1;
    for (std::int64_t at = range.begin; at < range.end; ++tensor) {
        const std::int64_t end = std::min(range.end, offsets_[tensor + 1]), first = at - range.begin, count = end - at;
        const double step = std::ldexp(1.0, -exponents_[tensor]);
        if (sums.is_cpu())
            from_grid(sums.data_ptr<std::int64_t>() + first, count, step, result.data_ptr<float>() + first);
        else
            result.slice(0, first, first + count).copy_(sums.slice(0, first, first + count).to(torch::kDouble).mul_(step));
        at = end;
    }
}

void GradientReducer::exchange(parallel::Communicator& comm, std::int64_t index) {
    const torch::NoGradGuard no_grad;
    const auto start = Clock::now();
    const Range range = bucket(index);
    const auto ranks = static_cast<std::int64_t>(comm.size());
    std::vector<std::int64_t> shares;
    Range own{range.begin, range.begin};
    for (std::int64_t r = 0; r < ranks; ++r) {
        shares.push_back(range.size() / ranks + (r < range.size() % ranks ? 1 : 0));
        if (r < comm.rank()) own.begin += shares.back();
    }
    own.end = own.begin + shares[static_cast<std::size_t>(comm.rank())];

    auto send = sums_.slice(0, range.begin, range.end);
    if (options_.kind == Reduction::fast_bf16) send = send.to(torch::kBFloat16);
    const auto received = torch::empty({ranks, own.size()}, send.options());
    comm.start_all_to_all_v(buffer_of(send), counts_for(shares, send), buffer_of(received),
                            counts_for(std::vector<std::int64_t>(shares.size(), own.size()), received)).wait();
    auto sum = received[0].to(sums_.scalar_type());
    for (std::int64_t r = 1; r < ranks; ++r) sum.add_(received[r]);

    auto mine = torch::empty({own.size()}, result_.options());
    convert(own, sum, mine);
    auto result = result_.slice(0, range.begin, range.end);
    const bool rounded = options_.kind == Reduction::fast_bf16;
    if (rounded) mine = mine.to(torch::kBFloat16);
    const auto all = rounded ? torch::empty({range.size()}, mine.options()) : result;
    comm.start_all_gather_v(buffer_of(mine), buffer_of(all), counts_for(shares, all)).wait();
    if (rounded) result.copy_(all);

    statistics_.bytes += static_cast<std::int64_t>(send.element_size()) * (range.size() - own.size()) +
                         static_cast<std::int64_t>(mine.element_size()) * own.size() * (ranks - 1);
    under_way_.emplace_back(start, Clock::now());
}

void GradientReducer::exchange_on_device() {
    const auto start = Clock::now();
    auto* stream = model::compat::current_stream(sums_.device());
    std::vector<parallel::Request> requests;
    for (std::int64_t b = 0; b < buckets_; ++b) {
        auto buffer = buffer_of(sums_.slice(0, bucket(b).begin, bucket(b).end));
        buffer.device = parallel::Device::cuda;
        buffer.stream = stream;
        requests.push_back(comm_.start_all_reduce(buffer, exact() ? parallel::ReduceOperation::sum : parallel::ReduceOperation::inexact_sum));
        statistics_.bytes += 2 * static_cast<std::int64_t>(sums_.element_size()) * buffer.count * (comm_.size() - 1) / comm_.size();
    }
    for (parallel::Request& request : requests) request.wait();
    convert({0, offsets_.back()}, sums_, result_);
    under_way_.emplace_back(start, Clock::now());
}

void GradientReducer::fail_not_finite(std::size_t tensor, std::int64_t step) const {
    base::fail(base::ErrorKind::internal,
               "the gradient of {} is not a finite number in training step {}; a lower learning rate, or "
               "fp32 instead of bf16, usually helps",
               parameters_[tensor].name, step);
}

// Whether every gradient fitted its grid; the next step's grids follow.
bool GradientReducer::agree_on_grids(std::int64_t step) {
    // Bits of non-negative floats order as the floats do, so that MAX of integers finds infinities and NaN as well.
    parallel::all_reduce(comm_, std::span<std::int32_t>(largest_bits_), parallel::ReduceOperation::maximum);
    bool fits = true;
    for (std::size_t t = 0; t < parameters_.size(); ++t) {
        if (largest_bits_[t] >= static_cast<std::int32_t>(infinity_bits)) fail_not_finite(t, step);
        fits = fits && largest_bits_[t] <= std::bit_cast<std::int32_t>(bound(t));
    }
    for (std::size_t t = 0; t < parameters_.size(); ++t) {
        // The grid follows growth at once and shrinking gradients slowly.
        const auto largest = std::bit_cast<float>(largest_bits_[t]);
        recent_largest_[t] = std::max(largest, fits ? recent_largest_[t] / 2 : recent_largest_[t]);
    }
    if (!fits) ++repeats_;
    return fits;
}

void GradientReducer::check_finite(std::int64_t step) const {
    for (std::size_t t = 0; t < parameters_.size(); ++t)
        if (largest_of(result_.slice(0, offsets_[t], offsets_[t + 1])) >= static_cast<std::int32_t>(infinity_bits)) fail_not_finite(t, step);
}

std::vector<torch::Tensor> GradientReducer::reduce(std::int64_t step) {
    const torch::NoGradGuard no_grad;
    const auto backward_end = Clock::now();
    if (overlapping_) thread_->finish();
    if (exact() && !agree_on_grids(step)) return {};
    if (comm_.size() == 1) convert({0, offsets_.back()}, sums_, result_);
    else if (!sums_.is_cpu()) exchange_on_device();
    else if (!overlapping_)
        for (std::int64_t b = 0; b < buckets_; ++b) exchange(comm_, b);
    if (!exact()) check_finite(step);

    for (const auto& [start, end] : under_way_) {
        statistics_.seconds += seconds(end - start);
        statistics_.hidden_seconds += std::max(0.0, seconds(std::min(end, backward_end) - start));
    }
    std::vector<torch::Tensor> gradients;
    for (std::size_t t = 0; t < parameters_.size(); ++t)
        gradients.push_back(result_.slice(0, offsets_[t], offsets_[t + 1]).view(parameters_[t].value.sizes()));
    return gradients;
}

}  // namespace kohort::train
