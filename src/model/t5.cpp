#include "model/t5.h"

#include <cmath>
#include <limits>

#include "model/attention.h"
#include "model/checkpointed.h"
#include "model/row_attention.h"
#include "model/weights.h"

namespace kohort::model {

T5Encoder::T5Encoder(T5Config config, TensorSource source) : config_(std::move(config)) {
    const std::int64_t size = config_.d_model, joined = config_.num_heads * config_.d_kv;
    ParameterList list(std::move(source));
    token_embeddings_ = list.add("shared.weight", {config_.vocab_size, size});
    for (std::int64_t i = 0; i < config_.num_layers; ++i) {
        const std::string name = "encoder.block." + std::to_string(i) + ".layer.", attention = name + "0.SelfAttention.";
        Block block;
        block.query = t5_linear(list, attention + "q", joined, size);
        block.key = t5_linear(list, attention + "k", joined, size);
        block.value = t5_linear(list, attention + "v", joined, size);
        block.attention_output = t5_linear(list, attention + "o", size, joined);
        if (i == 0)
            relative_attention_ = list.add(attention + "relative_attention_bias.weight", {config_.relative_attention_num_buckets, config_.num_heads});
        block.attention_norm = T5Norm(list, name + "0.layer_norm", config_);
        block.feed_forward = T5FeedForward(list, name + "1.DenseReluDense", config_);
        block.feed_forward_norm = T5Norm(list, name + "1.layer_norm", config_);
        blocks_.push_back(std::move(block));
    }
    final_norm_ = T5Norm(list, "encoder.final_layer_norm", config_);
    parameters_ = list.take();
}

EncoderSizes T5Encoder::sizes() const {
    return {config_.d_model, config_.vocab_size, std::numeric_limits<std::int64_t>::max(), config_.pad_token_id, config_.num_layers};
}

torch::Tensor T5Encoder::forward(const TokenBatch& batch, DropoutSource* dropout) const {
    const Packing packing(batch, token_embeddings_.options().requires_grad(false));
    auto bias = attends_by_rows() ? t5_distance_bias(relative_attention_, config_, packing.longest)
                                  : t5_position_bias(relative_attention_, config_, packing.longest, /*both_ways=*/true);
    if (!attends_by_rows() && packing.attention_bias.defined()) bias = bias + packing.attention_bias;  // [B, heads, T, T]
    auto x = t5_stream(torch::embedding(token_embeddings_, packing.pack(batch.ids.flatten())));
    x = packing.dropped(x, dropout, -1, DropoutSite::embeddings);
    for (int i = 0; i < static_cast<int>(blocks_.size()); ++i) {
        const auto block = [this, i, packing, dropout](const std::vector<torch::Tensor>& inputs) {
            return run_block(i, inputs[0], packing, inputs[1], dropout);
        };
        x = checkpoints_here() ? checkpointed({x, bias}, values_under(parameters_, "encoder.block." + std::to_string(i) + "."), block)
                               : block({x, bias});
    }
    x = packing.dropped(final_norm_(x), dropout, -1, DropoutSite::output);
    return packing.unpack(x).view({packing.sequences, packing.longest, config_.d_model});
}

torch::Tensor T5Encoder::run_block(int index, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias,
                                   DropoutSource* dropout) const {
    const Block& block = blocks_[static_cast<std::size_t>(index)];
    const auto sum = [&](const torch::Tensor& residual, const Linear& linear, const torch::Tensor& added, DropoutSite site) {
        return dropout ? residual + packing.dropped(linear(added), dropout, index, site) : linear.added_to(residual, added);
    };
    const auto between = sum(x, block.attention_output, attention(index, block.attention_norm(x), packing, bias, dropout),
                             DropoutSite::attention_output);
    const auto inner = packing.dropped(block.feed_forward.inner(block.feed_forward_norm(between)), dropout, index,
                                       DropoutSite::feed_forward_inner);
    return sum(between, block.feed_forward.output, inner, DropoutSite::feed_forward_output);
}

bool T5Encoder::attends_by_rows() const { return row_kernels() && !blocks_.empty() && blocks_.front().projections.packed; }

Linear T5Encoder::joined_projections(const Block& block) {
    return Linear(torch::cat({block.query.weight, block.key.weight, block.value.weight}));
}

// x [N, H] -> [N, heads * d_kv], before the output projection.
torch::Tensor T5Encoder::attention(int index, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias,
                                   DropoutSource* dropout) const {
    const Block& block = blocks_[static_cast<std::size_t>(index)];
    const std::int64_t heads = config_.num_heads, width = config_.d_kv;
    const auto joined = block.projections ? block.projections(x) : joined_projections(block)(x);
    if (attends_by_rows()) return row_attention(joined, packing.lengths, heads, {.scale = 1, .by_distance = bias});
    const auto split = packing.unpack(joined)  // -> [3, B, heads, T, width]
                           .view({packing.sequences, packing.longest, 3, heads, width})
                           .permute({2, 0, 3, 1, 4})
                           .contiguous()
                           .unbind(0);  // whose gradient is joined once, where those of split[i] would be summed
    // T5 does not scale scores by the root of the width: it is taken out here again.
    const auto context = attend(split[0] * std::sqrt(static_cast<double>(width)), split[1], split[2], bias, dropout, index, DropoutSite::attention);
    return packing.pack(context.transpose(1, 2).reshape({packing.sequences * packing.longest, heads * width}));
}

std::unique_ptr<Encoder> T5Encoder::with_weights(TensorSource source) const { return std::make_unique<T5Encoder>(config_, std::move(source)); }

std::unique_ptr<Encoder> T5Encoder::copy(torch::Device device, torch::ScalarType type) const {
    auto result = std::make_unique<T5Encoder>(config_, copied_weights(parameters_, device, type));
    for (Block& block : result->blocks_) {
        block.projections = joined_projections(block);
        auto& [intermediate, gate, output, gated] = block.feed_forward;
        for (Linear* linear : {&block.projections, &block.attention_output, &intermediate, &output}) linear->pack();
        if (gated) gate.pack();
        block.query = block.key = block.value = Linear();
    }
    result->parameters_.clear();
    return result;
}

}  // namespace kohort::model
