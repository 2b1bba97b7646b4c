#include "model/t5.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "model/config_fields.h"
#include "model/torch_compat.h"
#include "model/weights.h"

namespace kohort::model {

T5Config parse_t5_config(std::string_view json, const std::string& where) {
    const Json root = parse_config(json, where);
    const ConfigFields fields(root, where);
    T5Config config;
    fields.read("model_type", config.model_type);
    std::string feed_forward = "relu";
    if (config.model_type == "mt5") {  // MT5Config's defaults
        config.vocab_size = 250112;
        config.d_ff = 1024;
        config.num_layers = 8;
        config.num_heads = 6;
        feed_forward = "gated-gelu";
    }
    fields.read("vocab_size", config.vocab_size);
    fields.read("d_model", config.d_model);
    fields.read("d_kv", config.d_kv);
    fields.read("d_ff", config.d_ff);
    fields.read("num_layers", config.num_layers);
    fields.read("num_heads", config.num_heads);
    fields.read("relative_attention_num_buckets", config.relative_attention_num_buckets);
    fields.read("relative_attention_max_distance", config.relative_attention_max_distance);
    fields.read("pad_token_id", config.pad_token_id);
    fields.read("layer_norm_epsilon", config.layer_norm_epsilon);
    fields.read("feed_forward_proj", feed_forward);
    config.gated = feed_forward == "gated-gelu";
    if (!config.gated && feed_forward != "relu")
        base::fail(base::ErrorKind::usage, "{}: feed_forward_proj \"{}\" is not known; relu and gated-gelu are", where, feed_forward);
    fields.require_sizes({{"vocab_size", config.vocab_size}, {"d_model", config.d_model}, {"d_kv", config.d_kv}, {"d_ff", config.d_ff},
                          {"num_heads", config.num_heads}});
    fields.require_layers("num_layers", config.num_layers);
    // Half of the buckets look back, and half of those hold single distances.
    if (config.relative_attention_num_buckets < 4 || config.relative_attention_num_buckets % 2 != 0 ||
        config.relative_attention_max_distance <= config.relative_attention_num_buckets / 4)
        base::fail(base::ErrorKind::usage, "{}: {} buckets for distances up to {} cannot be", where, config.relative_attention_num_buckets,
                   config.relative_attention_max_distance);
    if (config.pad_token_id < 0 || config.pad_token_id >= config.vocab_size)
        base::fail(base::ErrorKind::usage, "{}: pad_token_id = {} is not in the vocabulary of {}", where, config.pad_token_id, config.vocab_size);
    if (!(config.layer_norm_epsilon > 0))
        base::fail(base::ErrorKind::usage, "{}: layer_norm_epsilon must be positive, not {}", where, config.layer_norm_epsilon);
    return config;
}

std::string to_json(const T5Config& config) {
    Json json;
    json["architectures"] = {config.model_type == "mt5" ? "MT5EncoderModel" : "T5EncoderModel"};
    json["d_ff"] = config.d_ff;
    json["d_kv"] = config.d_kv;
    json["d_model"] = config.d_model;
    json["feed_forward_proj"] = config.gated ? "gated-gelu" : "relu";
    json["layer_norm_epsilon"] = config.layer_norm_epsilon;
    json["model_type"] = config.model_type;
    json["num_heads"] = config.num_heads;
    json["num_layers"] = config.num_layers;
    json["pad_token_id"] = config.pad_token_id;
    json["relative_attention_max_distance"] = config.relative_attention_max_distance;
    json["relative_attention_num_buckets"] = config.relative_attention_num_buckets;
    json["torch_dtype"] = "float32";
    json["vocab_size"] = config.vocab_size;
    return json.dump(2) + "\n";
}

torch::Tensor T5Encoder::RootMeanSquareNorm::operator()(const torch::Tensor& x) const {
    const auto wide = x.to(torch::kFloat);
    return weight * (wide * torch::rsqrt(wide.pow(2).mean(-1, /*keepdim=*/true) + epsilon)).to(weight.scalar_type());
}

T5Encoder::T5Encoder(T5Config config, TensorSource source) : config_(config) {
    const std::int64_t size = config_.d_model, joined = config_.num_heads * config_.d_kv, inner = config_.d_ff;
    ParameterList list(std::move(source));
    const auto linear = [&](const std::string& name, std::int64_t out, std::int64_t in) { return Linear(list.add(name + ".weight", {out, in})); };
    const auto norm = [&](const std::string& name) { return RootMeanSquareNorm{list.add(name + ".weight", {size}), config_.layer_norm_epsilon}; };
    token_embeddings_ = list.add("shared.weight", {config_.vocab_size, size});
    for (std::int64_t i = 0; i < config_.num_layers; ++i) {
        const std::string name = "encoder.block." + std::to_string(i) + ".layer.", attention = name + "0.SelfAttention.";
        const std::string feed_forward = name + "1.DenseReluDense.";
        Block block;
        block.query = linear(attention + "q", joined, size);
        block.key = linear(attention + "k", joined, size);
        block.value = linear(attention + "v", joined, size);
        block.attention_output = linear(attention + "o", size, joined);
        if (i == 0)
            relative_attention_ = list.add(attention + "relative_attention_bias.weight", {config_.relative_attention_num_buckets, config_.num_heads});
        block.attention_norm = norm(name + "0.layer_norm");
        block.intermediate = linear(feed_forward + (config_.gated ? "wi_0" : "wi"), inner, size);
        if (config_.gated) block.gate = linear(feed_forward + "wi_1", inner, size);
        block.output = linear(feed_forward + "wo", size, inner);
        block.feed_forward_norm = norm(name + "1.layer_norm");
        blocks_.push_back(std::move(block));
    }
    final_norm_ = norm("encoder.final_layer_norm");
    parameters_ = list.take();
}

EncoderSizes T5Encoder::sizes() const {
    return {config_.d_model, config_.vocab_size, std::numeric_limits<std::int64_t>::max(), config_.pad_token_id};
}

torch::Tensor T5Encoder::encode(const TokenBatch& batch) const {
    const Packing packing(batch, token_embeddings_.options().requires_grad(false));
    auto bias = position_bias(packing.longest);
    if (packing.attention_bias.defined()) bias = bias + packing.attention_bias;  // [B, heads, T, T]
    // In float32 whatever the weights are: nothing scales the sum down from block to block, and bf16 would lose what is added.
    auto x = torch::embedding(token_embeddings_, packing.pack(batch.ids.flatten())).to(torch::kFloat);
    for (const Block& block : blocks_) {
        x = block.attention_output.added_to(x, attention(block, block.attention_norm(x), packing, bias));
        x = block.output.added_to(x, feed_forward_inner(block, block.feed_forward_norm(x)));
    }
    return packing.unpack(final_norm_(x)).view({packing.sequences, packing.longest, config_.d_model});
}

// What attention adds for the distance from each token to each other one, [1, heads, T, T]. Distances share buckets
// (section 2.1 of the paper): single ones near by, then ever wider ranges up to the largest distance; half of the
// buckets are for what comes later. The logarithm is in float32, as elsewhere: where ranges end depends on it.
torch::Tensor T5Encoder::position_bias(std::int64_t longest) const {
    const auto positions = torch::arange(longest, torch::kLong);
    const auto distance = positions.unsqueeze(0) - positions.unsqueeze(1);
    const std::int64_t half = config_.relative_attention_num_buckets / 2, single = half / 2;
    const auto size = distance.abs();
    const double reach = std::log(static_cast<double>(config_.relative_attention_max_distance) / static_cast<double>(single));
    const auto wide = (torch::log(size.to(torch::kFloat) / single) / reach * (half - single)).to(torch::kLong) + single;
    const auto bucket = distance.gt(0).to(torch::kLong) * half + torch::where(size.lt(single), size, wide.clamp_max(half - 1));
    return torch::embedding(relative_attention_, bucket.to(device())).permute({2, 0, 1}).unsqueeze(0);
}

Linear T5Encoder::joined_projections(const Block& block) {
    return Linear(torch::cat({block.query.weight, block.key.weight, block.value.weight}));
}

// x [N, H] -> [N, heads * d_kv], before the output projection.
torch::Tensor T5Encoder::attention(const Block& block, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias) const {
    const std::int64_t heads = config_.num_heads, width = config_.d_kv;
    const auto joined = block.projections.packed ? block.projections(x) : joined_projections(block)(x);
    const auto split = packing.unpack(joined)  // -> [3, B, heads, T, width]
                           .view({packing.sequences, packing.longest, 3, heads, width})
                           .permute({2, 0, 3, 1, 4})
                           .contiguous();
    // T5 does not scale scores by the root of the width: it is taken out here again.
    const auto context = compat::attend(split[0] * std::sqrt(static_cast<double>(width)), split[1], split[2], bias);
    return packing.pack(context.transpose(1, 2).reshape({packing.sequences * packing.longest, heads * width}));
}

// Before the output's product.
torch::Tensor T5Encoder::feed_forward_inner(const Block& block, const torch::Tensor& x) const {
    if (!config_.gated) return block.intermediate.activated(Activation::relu, x);
    return block.intermediate.activated(Activation::gelu_tanh, x) * block.gate(x);
}

std::unique_ptr<Encoder> T5Encoder::copy(torch::Device device, torch::ScalarType type) const {
    auto result = std::make_unique<T5Encoder>(config_, copied_weights(parameters_, device, type));
    for (Block& block : result->blocks_) {
        block.projections = joined_projections(block);
        for (Linear* linear : {&block.projections, &block.attention_output, &block.intermediate, &block.output}) linear->pack();
        if (config_.gated) block.gate.pack();
        if (block.projections.packed) block.query = block.key = block.value = Linear();
    }
    result->parameters_.clear();
    return result;
}

}  // namespace kohort::model
