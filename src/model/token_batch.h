// Sequences of token ids as a batch, and what encoders share to compute on the real tokens of it only.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "model/dropout.h"

namespace kohort::model {

// B sequences of token ids, special tokens included. What lies in `ids` behind a sequence's length does not matter,
// as long as it is in the vocabulary: padding is neither computed nor looked at.
struct TokenBatch {
    torch::Tensor ids;      // int64 [B, T], T <= max_position_embeddings
    torch::Tensor lengths;  // int64 [B] on the CPU, each in [1, T]
};

// B sequences, some of them cut, as one batch padded with `padding`, on a device.
TokenBatch make_batch(const std::vector<std::vector<std::int32_t>>& sequences, std::int64_t padding,
                      torch::Device device = torch::kCPU);

// The rows of real tokens in the flattened batch. Everything but attention works on these rows only; so does
// attention by rows (row_attention.h), while the other spreads them out over [B, T] and masks the rest. Without padding the
// rows are simply all rows.
struct Packing {
    std::int64_t sequences, longest;
    torch::Tensor lengths;         // int64 [B] on the CPU
    torch::Tensor rows;            // int64 [N], undefined without padding
    torch::Tensor attention_bias;  // [B, 1, 1, T]: 0 for real tokens, -inf for padding; undefined without padding

    // options: the type and device of the values. Error(internal) where lengths do not fit the columns.
    Packing(const TokenBatch& batch, torch::TensorOptions options);

    // [B * T, …] -> [N, …]
    torch::Tensor pack(const torch::Tensor& x) const { return rows.defined() ? x.index_select(0, rows) : x; }
    // [N, width] -> [B * T, width], zeros for padding
    torch::Tensor unpack(const torch::Tensor& x) const {
        if (!rows.defined()) return x;
        return torch::zeros({sequences * longest, x.size(1)}, x.options()).index_copy(0, rows, x);
    }
    // As pack(), of a dropout mask [B, T, H] (fp32, on the CPU), for values like x.
    torch::Tensor pack_mask(const torch::Tensor& mask, const torch::Tensor& x) const {
        return pack(mask.flatten(0, 1).to(x.device(), x.scalar_type()));
    }
    // x [N, width] with values dropped as the source says, where there is one.
    torch::Tensor dropped(const torch::Tensor& x, DropoutSource* dropout, int layer, DropoutSite site) const {
        return dropout ? x * pack_mask(dropout->scaled_mask(layer, site, {sequences, longest, x.size(1)}), x) : x;
    }
};

// A sequence's vector from its token vectors, fp32 [B, H]: the mean over all its tokens, special ones included,
// the first token's ([CLS]), or the last one's.
torch::Tensor mean_pool(const torch::Tensor& hidden, const torch::Tensor& lengths);
torch::Tensor cls_pool(const torch::Tensor& hidden);
torch::Tensor last_pool(const torch::Tensor& hidden, const torch::Tensor& lengths);

}  // namespace kohort::model
