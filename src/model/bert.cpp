#include "model/bert.h"

#include "base/error.h"
#include "model/attention.h"
#include "model/checkpointed.h"
#include "model/row_attention.h"
#include "model/weights.h"

namespace kohort::model {
Bert::Bert(ModelConfig config, TensorSource source) : config_(std::move(config)) {
    config_.check();
    const std::int64_t size = config_.hidden_size, inner = config_.intermediate_size;
    const double epsilon = config_.layer_norm_eps;
    ParameterList list(std::move(source));
    word_embeddings_ = list.add("embeddings.word_embeddings.weight", {config_.vocab_size, size});
    position_embeddings_ = list.add("embeddings.position_embeddings.weight", {config_.max_position_embeddings, size});
    type_embeddings_ = list.add("embeddings.token_type_embeddings.weight", {config_.type_vocab_size, size});
    embedding_norm_ = LayerNorm(list, "embeddings.LayerNorm", size, epsilon);
    for (std::int64_t i = 0; i < config_.num_hidden_layers; ++i) {
        const std::string name = "encoder.layer." + std::to_string(i) + ".";
        Layer layer;
        layer.query = Linear(list, name + "attention.self.query", size, size);
        layer.key = Linear(list, name + "attention.self.key", size, size);
        layer.value = Linear(list, name + "attention.self.value", size, size);
        layer.attention_output = Linear(list, name + "attention.output.dense", size, size);
        layer.attention_norm = LayerNorm(list, name + "attention.output.LayerNorm", size, epsilon);
        layer.intermediate = Linear(list, name + "intermediate.dense", size, inner);
        layer.output = Linear(list, name + "output.dense", inner, size);
        layer.output_norm = LayerNorm(list, name + "output.LayerNorm", size, epsilon);
        layers_.push_back(std::move(layer));
    }
    parameters_ = list.take();
}

torch::Tensor Bert::forward(const TokenBatch& batch, DropoutSource* dropout) const {
    if (batch.ids.size(1) > config_.longest_sequence())
        base::fail(base::ErrorKind::internal, "a batch of {} columns does not fit the model's {} positions",
                   batch.ids.size(1), config_.longest_sequence());
    const Packing packing(batch, word_embeddings_.options().requires_grad(false));
    auto x = embed(batch, packing, dropout);
    for (int i = 0; i < static_cast<int>(layers_.size()); ++i) {
        const auto layer = [this, i, packing, dropout](const std::vector<torch::Tensor>& inputs) { return run_layer(i, inputs[0], packing, dropout); };
        x = checkpoints_here() ? checkpointed({x}, values_under(parameters_, "encoder.layer." + std::to_string(i) + "."), layer) : layer({x});
    }
    return packing.unpack(x).view({packing.sequences, packing.longest, config_.hidden_size});
}

torch::Tensor Bert::run_layer(int index, const torch::Tensor& x, const Packing& packing, DropoutSource* dropout) const {
    const Layer& layer = layers_[static_cast<std::size_t>(index)];
    const auto sum = [&](const torch::Tensor& residual, const Linear& linear, const torch::Tensor& term, DropoutSite site) {
        if (!dropout) return linear.added_to(residual, term);
        const auto mask = dropout->scaled_mask(index, site, {packing.sequences, packing.longest, config_.hidden_size});
        const auto added = linear(term);
        return residual + added * packing.pack_mask(mask, added);
    };
    const auto between = layer.attention_norm(sum(x, layer.attention_output, attention(index, x, packing, dropout), DropoutSite::attention_output));
    const auto inner = layer.intermediate.activated(config_.hidden_act, between);
    return layer.output_norm(sum(between, layer.output, inner, DropoutSite::feed_forward_output));
}

// Each token's row of the position embeddings, [B * T]. RoBERTa counts from behind the padding token's id, and counts
// only tokens that are not padding; a padding token in the midst of a sequence has the padding's own position.
torch::Tensor Bert::positions(const TokenBatch& batch) const {
    if (!config_.positions_follow_padding())
        return torch::arange(batch.ids.size(1), batch.ids.options()).repeat({batch.ids.size(0)});
    const auto counted = batch.ids.ne(config_.pad_token_id).to(torch::kLong);
    return (counted.cumsum(1) * counted + config_.pad_token_id).flatten();
}

torch::Tensor Bert::embed(const TokenBatch& batch, const Packing& packing, DropoutSource* dropout) const {
    const auto x =
        embedding_norm_(token_rows(word_embeddings_, packing.pack(batch.ids.flatten())) +
                        torch::embedding(position_embeddings_, packing.pack(positions(batch))) + type_embeddings_.select(0, 0));
    if (!dropout) return x;
    return x * packing.pack_mask(dropout->scaled_mask(-1, DropoutSite::embeddings,
                                                      {packing.sequences, packing.longest, config_.hidden_size}), x);
}

Linear Bert::joined_projections(const Layer& layer) {
    return Linear(torch::cat({layer.query.weight, layer.key.weight, layer.value.weight}),
                  torch::cat({layer.query.bias, layer.key.bias, layer.value.bias}));
}

// x [N, H] -> [N, H], before the output projection.
torch::Tensor Bert::attention(int index, const torch::Tensor& x, const Packing& packing, DropoutSource* dropout) const {
    const Layer& layer = layers_[static_cast<std::size_t>(index)];
    const std::int64_t heads = config_.num_attention_heads, width = config_.hidden_size / heads;
    // One product for all three projections is faster than three narrow ones, forwards and backwards; joining their
    // weights costs little beside it.
    const auto joined = layer.projections ? layer.projections(x) : joined_projections(layer)(x);
    if (layer.projections.packed && row_kernels()) return row_attention(joined, packing.lengths, heads);
    const auto split = packing.unpack(joined)  // [N, 3 H] -> [3, B, heads, T, width]
                           .view({packing.sequences, packing.longest, 3, heads, width})
                           .permute({2, 0, 3, 1, 4})
                           .contiguous()
                           .unbind(0);  // whose gradient is joined once, where those of split[i] would be summed
    const auto context = attend(split[0], split[1], split[2], packing.attention_bias, dropout, index, DropoutSite::attention);  // [B, heads, T, width]
    return packing.pack(context.transpose(1, 2).reshape({packing.sequences * packing.longest, config_.hidden_size}));
}

std::unique_ptr<Encoder> Bert::with_weights(TensorSource source) const { return std::make_unique<Bert>(config_, std::move(source)); }

std::unique_ptr<Encoder> Bert::copy(torch::Device device, torch::ScalarType type) const {
    auto result = std::make_unique<Bert>(config_, copied_weights(parameters_, device, type));
    result->pack();
    return result;
}

void Bert::pack() {
    embedding_norm_.pack();
    for (Layer& layer : layers_) {
        layer.projections = joined_projections(layer);
        for (Linear* linear : {&layer.projections, &layer.attention_output, &layer.intermediate, &layer.output}) linear->pack();
        layer.attention_norm.pack();
        layer.output_norm.pack();
        layer.query = layer.key = layer.value = Linear();
    }
    parameters_.clear();
}

}  // namespace kohort::model
