#include "model/t5_parts.h"

#include <cmath>

#include "model/row_kernels.h"

namespace kohort::model {
namespace {

torch::ScalarType wide(torch::ScalarType type) { return type == torch::kDouble ? torch::kDouble : torch::kFloat; }

// Of each distance, which is above 0 for what comes later. The logarithm is in float32, as elsewhere: where ranges end depends
// on it.
torch::Tensor bucket_of(const torch::Tensor& distance, const T5Config& config, bool both_ways) {
    const std::int64_t ranges = config.relative_attention_num_buckets / (both_ways ? 2 : 1), single = ranges / 2;
    const auto size = both_ways ? distance.abs() : (-distance).clamp_min(0);
    const double reach = std::log(static_cast<double>(config.relative_attention_max_distance) / static_cast<double>(single));
    const auto wide_range = (torch::log(size.to(torch::kFloat) / single) / reach * (ranges - single)).to(torch::kLong) + single;
    const auto bucket = torch::where(size.lt(single), size, wide_range.clamp_max(ranges - 1));
    return both_ways ? bucket + distance.gt(0).to(torch::kLong) * ranges : bucket;
}

}  // namespace

T5Norm::T5Norm(ParameterList& list, const std::string& name, const T5Config& config)
    : weight(list.add(name + ".weight", {config.d_model})), epsilon(config.layer_norm_epsilon) {}

torch::Tensor T5Norm::operator()(const torch::Tensor& x) const {
    const auto values = t5_stream(x);
    return weight * (values * torch::rsqrt(values.pow(2).mean(-1, /*keepdim=*/true) + epsilon)).to(weight.scalar_type());
}

Linear t5_linear(ParameterList& list, const std::string& name, std::int64_t out, std::int64_t in) {
    return Linear(list.add(name + ".weight", {out, in}));
}

T5FeedForward::T5FeedForward(ParameterList& list, const std::string& name, const T5Config& config) : gated(config.gated) {
    intermediate = t5_linear(list, name + (gated ? ".wi_0" : ".wi"), config.d_ff, config.d_model);
    if (gated) gate = t5_linear(list, name + ".wi_1", config.d_ff, config.d_model);
    output = t5_linear(list, name + ".wo", config.d_model, config.d_ff);
}

torch::Tensor T5FeedForward::inner(const torch::Tensor& x) const {
    if (!gated) return intermediate.activated(Activation::relu, x);
    return intermediate.activated(Activation::gelu_tanh, x) * gate(x);
}

torch::Tensor t5_stream(const torch::Tensor& x) { return x.to(wide(x.scalar_type())); }

torch::Tensor t5_position_bias(const torch::Tensor& table, const T5Config& config, std::int64_t longest, bool both_ways) {
    const auto positions = torch::arange(longest, torch::kLong);
    const auto distance = positions.unsqueeze(0) - positions.unsqueeze(1);
    return torch::embedding(table, bucket_of(distance, config, both_ways).to(table.device())).permute({2, 0, 1}).unsqueeze(0);
}

torch::Tensor t5_distance_bias(const torch::Tensor& table, const T5Config& config, std::int64_t longest) {
    auto result = torch::zeros({table.size(1), distance_values(longest)});
    const auto distance = torch::arange(1 - longest, longest, torch::kLong);
    result.narrow(1, 0, distance.size(0)).copy_(torch::embedding(table, bucket_of(distance, config, true)).t());
    return result;
}

}  // namespace kohort::model
