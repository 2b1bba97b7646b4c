#include "model/t5_decoder.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "model/attention.h"
#include "model/checkpointed.h"
#include "model/torch_compat.h"

namespace kohort::model {
namespace {

void check(const T5Config& config) {
    using base::ErrorKind;
    if (config.num_decoder_layers < 1 || config.num_decoder_layers > 1 << 30)
        base::fail(ErrorKind::usage, "a model cannot have num_decoder_layers = {}", config.num_decoder_layers);
    // All buckets look back, and half of them hold single distances.
    if (config.relative_attention_max_distance <= config.relative_attention_num_buckets / 2)
        base::fail(ErrorKind::usage, "{} buckets for distances up to {} cannot be in a decoder",
                   config.relative_attention_num_buckets, config.relative_attention_max_distance);
    for (const std::int64_t id : {config.decoder_start_token_id, config.eos_token_id})
        if (id < 0 || id >= config.vocab_size)
            base::fail(ErrorKind::usage, "the token {}, with which a decoder begins or ends, is not in the vocabulary of {}", id,
                       config.vocab_size);
}

// [rows, heads * width] of B sequences -> [B, heads, T, width]
torch::Tensor by_heads(const torch::Tensor& x, const Packing& packing, std::int64_t heads) {
    return packing.unpack(x).view({packing.sequences, packing.longest, heads, -1}).transpose(1, 2);
}

}  // namespace

T5Decoder::Attention T5Decoder::make_attention(ParameterList& list, const std::string& layer, const char* kind, bool with_bias) {
    const std::string name = layer + kind;
    const std::int64_t size = config_.d_model, joined = config_.num_heads * config_.d_kv;
    Attention result;
    result.query = t5_linear(list, name + ".q", joined, size);
    result.key = t5_linear(list, name + ".k", joined, size);
    result.value = t5_linear(list, name + ".v", joined, size);
    result.output = t5_linear(list, name + ".o", size, joined);
    if (with_bias)
        relative_attention_ = list.add(name + ".relative_attention_bias.weight", {config_.relative_attention_num_buckets, config_.num_heads});
    result.norm = T5Norm(list, layer + "layer_norm", config_);
    return result;
}

T5Decoder::T5Decoder(T5Config config, TensorSource source) : config_(std::move(config)) {
    check(config_);
    ParameterList list(std::move(source));
    for (std::int64_t i = 0; i < config_.num_decoder_layers; ++i) {
        const std::string name = "decoder.block." + std::to_string(i) + ".layer.";
        Block block;
        block.self = make_attention(list, name + "0.", "SelfAttention", i == 0);
        block.cross = make_attention(list, name + "1.", "EncDecAttention", false);
        block.feed_forward = T5FeedForward(list, name + "2.DenseReluDense", config_);
        block.feed_forward_norm = T5Norm(list, name + "2.layer_norm", config_);
        blocks_.push_back(std::move(block));
    }
    final_norm_ = T5Norm(list, "decoder.final_layer_norm", config_);
    if (!config_.tie_word_embeddings) own_scores_ = list.add("lm_head.weight", {config_.vocab_size, config_.d_model});
    parameters_ = list.take();
}

torch::Tensor T5Decoder::forward(const TokenBatch& inputs, const TokenBatch& source, const torch::Tensor& encoded,
                                 const torch::Tensor& word_embeddings, DropoutSource* dropout) const {
    const auto options = word_embeddings.options().requires_grad(false);
    const Packing packing(inputs, options), source_packing(source, options);
    // -inf for what comes later. Padding comes after all real tokens, so that this hides it too.
    const auto later = torch::full({packing.longest, packing.longest}, -std::numeric_limits<double>::infinity(), options).triu(1);
    const auto bias = t5_position_bias(relative_attention_, config_, packing.longest, /*both_ways=*/false) + later;
    const auto memory = source_packing.pack(encoded.flatten(0, 1));
    auto x = t5_stream(torch::embedding(word_embeddings, packing.pack(inputs.ids.flatten())));
    x = packing.dropped(x, dropout, -1, DropoutSite::decoder_embeddings);
    for (int i = 0; i < static_cast<int>(blocks_.size()); ++i) {
        const auto block = [this, i, packing, source_packing, dropout](const std::vector<torch::Tensor>& given) {
            return run_block(i, given[0], packing, given[1], source_packing, given[2], dropout);
        };
        x = checkpoints_here() ? checkpointed({x, bias, memory}, values_under(parameters_, "decoder.block." + std::to_string(i) + "."), block)
                               : block({x, bias, memory});
    }
    return packing.dropped(final_norm_(x), dropout, -1, DropoutSite::decoder_output);
}

torch::Tensor T5Decoder::run_block(int index, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias,
                                   const Packing& source, const torch::Tensor& encoded, DropoutSource* dropout) const {
    const Block& block = blocks_[static_cast<std::size_t>(index)];
    const auto sum = [&](const torch::Tensor& residual, const Linear& linear, const torch::Tensor& added, DropoutSite site) {
        return dropout ? residual + packing.dropped(linear(added), dropout, index, site) : linear.added_to(residual, added);
    };
    const auto own = sum(x, block.self.output, self_attention(index, block.self.norm(x), packing, bias, dropout),
                         DropoutSite::decoder_attention_output);
    const auto crossed = sum(own, block.cross.output, cross_attention(index, block.cross.norm(own), packing, source, encoded, dropout),
                             DropoutSite::cross_attention_output);
    const auto inner = packing.dropped(block.feed_forward.inner(block.feed_forward_norm(crossed)), dropout, index,
                                       DropoutSite::decoder_feed_forward_inner);
    return sum(crossed, block.feed_forward.output, inner, DropoutSite::decoder_feed_forward_output);
}

// T5 does not scale scores by the root of the width: it is taken out of the queries again.
torch::Tensor T5Decoder::self_attention(int index, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias,
                                        DropoutSource* dropout) const {
    const Attention& self = blocks_[static_cast<std::size_t>(index)].self;
    const std::int64_t heads = config_.num_heads;
    const auto query = by_heads(self.query(x), packing, heads) * std::sqrt(static_cast<double>(config_.d_kv));
    const auto context = attend(query, by_heads(self.key(x), packing, heads), by_heads(self.value(x), packing, heads), bias, dropout,
                                index, DropoutSite::decoder_attention);
    return packing.pack(context.transpose(1, 2).reshape({packing.sequences * packing.longest, heads * config_.d_kv}));
}

// encoded: the encoder's output, of real tokens only. Positions say nothing here: there is no bias for distances.
torch::Tensor T5Decoder::cross_attention(int index, const torch::Tensor& x, const Packing& packing, const Packing& source,
                                         const torch::Tensor& encoded, DropoutSource* dropout) const {
    const Attention& cross = blocks_[static_cast<std::size_t>(index)].cross;
    const std::int64_t heads = config_.num_heads;
    const auto query = by_heads(cross.query(x), packing, heads) * std::sqrt(static_cast<double>(config_.d_kv));
    // Gradients of both products meet here, so that the block hands on one sum, as it does when it is checkpointed.
    const auto seen = encoded.view_as(encoded);
    const auto context = attend(query, by_heads(cross.key(seen), source, heads), by_heads(cross.value(seen), source, heads),
                                source.attention_bias, dropout, index, DropoutSite::cross_attention);
    return packing.pack(context.transpose(1, 2).reshape({packing.sequences * packing.longest, heads * config_.d_kv}));
}

torch::Tensor T5Decoder::scores(const torch::Tensor& hidden, const torch::Tensor& word_embeddings) const {
    if (own_scores_.defined()) return compat::linear(hidden, own_scores_);
    return compat::linear(hidden * (1.0 / std::sqrt(static_cast<double>(config_.d_model))), word_embeddings);
}

}  // namespace kohort::model
