// Attention as inference on a CPU wants it: sequences of any lengths lie one behind another and are not padded to one another;
// a head's queries, keys and values are laid out once, and scores are kept of at most eight tokens at a time.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>

namespace kohort::model {

struct RowAttention {
    bool causal = false;               // a token looks at those before it and at itself
    std::optional<double> scale = {};  // of scores; 1 / sqrt(width) where nothing is given
    torch::Tensor by_distance = {};  // fp32 [heads, distance_values(reach)] of row_kernels.h, reach at least the longest length
};

// For each head softmax(scale q kᵀ + by distance) v, of each sequence by itself. joined [N, 3 heads width], fp32 or bf16,
// contiguous on the CPU: of each token all heads' q, then k, then v; lengths int64 [B] on the CPU, at least 1, N in all -> [N,
// heads width] of the same type. Computed in fp32 by the calling thread; finite values give the same bits with AVX2 and with
// AVX-512, and whatever other sequences there are. (Causal: a value that is not finite may spoil up to seven tokens before
// it.) Only where row_kernels() gives any.
torch::Tensor row_attention(const torch::Tensor& joined, const torch::Tensor& lengths, std::int64_t heads,
                            const RowAttention& how = {});

}  // namespace kohort::model
