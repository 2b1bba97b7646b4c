#include "model/gpt2.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "model/attention.h"
#include "model/checkpointed.h"
#include "model/config_fields.h"
#include "model/row_attention.h"
#include "model/torch_compat.h"
#include "model/weights.h"

namespace kohort::model {

Gpt2Config parse_gpt2_config(std::string_view json, const std::string& where) {
    const Json root = parse_config(json, where);
    const ConfigFields fields(root, where);
    fields.demand("scale_attn_weights", true);
    fields.demand("scale_attn_by_inverse_layer_idx", false);
    fields.demand("add_cross_attention", false);

    Gpt2Config config;
    fields.read("vocab_size", config.vocab_size);
    fields.read("n_positions", config.n_positions);
    fields.read("n_embd", config.n_embd);
    fields.read("n_layer", config.n_layer);
    fields.read("n_head", config.n_head);
    fields.read("n_inner", config.n_inner);
    fields.read("layer_norm_epsilon", config.layer_norm_epsilon);
    config.activation_function = fields.activation("activation_function", Activation::gelu_tanh);
    fields.require_sizes({{"vocab_size", config.vocab_size}, {"n_positions", config.n_positions}, {"n_embd", config.n_embd},
                          {"n_head", config.n_head}});
    fields.require_layers("n_layer", config.n_layer);
    if (config.n_inner == 0) config.n_inner = 4 * config.n_embd;
    fields.require_sizes({{"n_inner", config.n_inner}});
    if (config.n_embd % config.n_head != 0)
        base::fail(base::ErrorKind::usage, "{}: n_head = {} does not divide n_embd = {}", where, config.n_head, config.n_embd);
    fields.demand("head_dim", config.n_embd / config.n_head);
    if (!(config.layer_norm_epsilon > 0))
        base::fail(base::ErrorKind::usage, "{}: layer_norm_epsilon must be positive, not {}", where, config.layer_norm_epsilon);
    return config;
}

std::string to_json(const Gpt2Config& config) {
    Json json;
    json["activation_function"] = name_of(config.activation_function);
    json["architectures"] = {"GPT2Model"};
    json["layer_norm_epsilon"] = config.layer_norm_epsilon;
    json["model_type"] = "gpt2";
    json["n_embd"] = config.n_embd;
    json["n_head"] = config.n_head;
    json["n_inner"] = config.n_inner;
    json["n_layer"] = config.n_layer;
    json["n_positions"] = config.n_positions;
    json["torch_dtype"] = "float32";
    json["vocab_size"] = config.vocab_size;
    return json.dump(2) + "\n";
}

TensorSource random_weights(const Gpt2Config& config, std::uint64_t seed) {
    return [=](const std::string& name, torch::IntArrayRef shape) {
        if (name.ends_with("bias")) return torch::zeros(shape);
        if (shape.size() == 1) return torch::ones(shape);
        constexpr double deviation = 0.02;
        const bool added = name.ends_with("c_proj.weight");
        return normal_tensor(seed, name, shape, added ? deviation / std::sqrt(2.0 * static_cast<double>(config.n_layer)) : deviation);
    };
}

Gpt2::Gpt2(Gpt2Config config, TensorSource source) : config_(config) {
    const std::int64_t size = config_.n_embd, inner = config_.n_inner;
    ParameterList list(std::move(source));
    const auto linear = [&](const std::string& name, std::int64_t in, std::int64_t out) {  // weights are [in, out] here
        const auto weight = list.add(name + ".weight", {in, out});
        return Linear(weight.t(), list.add(name + ".bias", {out}));
    };
    token_embeddings_ = list.add("wte.weight", {config_.vocab_size, size});
    position_embeddings_ = list.add("wpe.weight", {config_.n_positions, size});
    for (std::int64_t i = 0; i < config_.n_layer; ++i) {
        const std::string name = "h." + std::to_string(i) + ".";
        Block block;
        block.attention_norm = LayerNorm(list, name + "ln_1", size, config_.layer_norm_epsilon);
        block.attention_input = linear(name + "attn.c_attn", size, 3 * size);
        block.attention_output = linear(name + "attn.c_proj", size, size);
        block.feed_forward_norm = LayerNorm(list, name + "ln_2", size, config_.layer_norm_epsilon);
        block.intermediate = linear(name + "mlp.c_fc", size, inner);
        block.output = linear(name + "mlp.c_proj", inner, size);
        blocks_.push_back(std::move(block));
    }
    final_norm_ = LayerNorm(list, "ln_f", size, config_.layer_norm_epsilon);
    parameters_ = list.take();
}

bool Gpt2::attends_by_rows(const Block& block) { return block.attention_input.packed && row_kernels(); }

torch::Tensor Gpt2::forward(const TokenBatch& batch, DropoutSource* dropout) const {
    const Packing packing(batch, token_embeddings_.options().requires_grad(false));
    if (packing.longest > config_.n_positions)
        base::fail(base::ErrorKind::internal, "a batch of {} columns does not fit the model's {} positions", packing.longest,
                   config_.n_positions);
    // [1, 1, T, T]: -inf for what comes later. Padding comes after all real tokens, so that this hides it too. Attention by rows
    // needs none.
    torch::Tensor later;
    if (blocks_.empty() || !attends_by_rows(blocks_.front()))
        later = torch::full({packing.longest, packing.longest}, -std::numeric_limits<double>::infinity(),
                                   token_embeddings_.options().requires_grad(false)).triu(1).view({1, 1, packing.longest, packing.longest});
    const auto positions = torch::arange(packing.longest, batch.ids.options()).repeat({packing.sequences});
    auto x = packing.dropped(torch::embedding(token_embeddings_, packing.pack(batch.ids.flatten())) +
                                 torch::embedding(position_embeddings_, packing.pack(positions)),
                             dropout, -1, DropoutSite::embeddings);
    for (int i = 0; i < static_cast<int>(blocks_.size()); ++i) {
        const auto block = [this, i, packing, later, dropout](const std::vector<torch::Tensor>& inputs) {
            return run_block(i, inputs[0], packing, later, dropout);
        };
        x = checkpoints_here() ? checkpointed({x}, values_under(parameters_, "h." + std::to_string(i) + "."), block) : block({x});
    }
    return packing.unpack(final_norm_(x)).view({packing.sequences, packing.longest, config_.n_embd});
}

torch::Tensor Gpt2::run_block(int index, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias,
                              DropoutSource* dropout) const {
    const Block& block = blocks_[static_cast<std::size_t>(index)];
    const auto sum = [&](const torch::Tensor& residual, const Linear& linear, const torch::Tensor& added, DropoutSite site) {
        return dropout ? residual + packing.dropped(linear(added), dropout, index, site) : linear.added_to(residual, added);
    };
    const auto between = sum(x, block.attention_output, attention(index, block.attention_norm(x), packing, bias, dropout),
                             DropoutSite::attention_output);
    const auto inner = block.intermediate.activated(config_.activation_function, block.feed_forward_norm(between));
    return sum(between, block.output, inner, DropoutSite::feed_forward_output);
}

// x [N, H] -> [N, H], before the output projection.
torch::Tensor Gpt2::attention(int index, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias,
                              DropoutSource* dropout) const {
    const std::int64_t heads = config_.n_head, width = config_.n_embd / heads;
    const Block& block = blocks_[static_cast<std::size_t>(index)];
    const auto joined = block.attention_input(x);
    if (attends_by_rows(block)) return row_attention(joined, packing.lengths, heads, {.causal = true});
    const auto split = packing.unpack(joined)  // -> [3, B, heads, T, width]
                           .view({packing.sequences, packing.longest, 3, heads, width})
                           .permute({2, 0, 3, 1, 4})
                           .contiguous()
                           .unbind(0);  // whose gradient is joined once, where those of split[i] would be summed
    const auto context = attend(split[0], split[1], split[2], bias, dropout, index, DropoutSite::attention);
    return packing.pack(context.transpose(1, 2).reshape({packing.sequences * packing.longest, config_.n_embd}));
}

std::unique_ptr<Encoder> Gpt2::with_weights(TensorSource source) const { return std::make_unique<Gpt2>(config_, std::move(source)); }

std::unique_ptr<Encoder> Gpt2::copy(torch::Device device, torch::ScalarType type) const {
    auto result = std::make_unique<Gpt2>(config_, copied_weights(parameters_, device, type));
    result->final_norm_.pack();
    for (Block& block : result->blocks_) {
        for (LayerNorm* norm : {&block.attention_norm, &block.feed_forward_norm}) norm->pack();
        for (Linear* linear : {&block.attention_input, &block.attention_output, &block.intermediate, &block.output}) linear->pack();
    }
    result->parameters_.clear();
    return result;
}

}  // namespace kohort::model
