#include "model/token_batch.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace kohort::model {
namespace {

// 1 where a token is real: bool [B, T].
torch::Tensor real_tokens(const torch::Tensor& lengths, std::int64_t longest) {
    return torch::arange(longest, lengths.options()).unsqueeze(0).lt(lengths.unsqueeze(1));
}

}  // namespace

Packing::Packing(const TokenBatch& batch, torch::TensorOptions options) : sequences(batch.ids.size(0)), longest(batch.ids.size(1)), lengths(batch.lengths) {
    const std::int64_t shortest = batch.lengths.min().item<std::int64_t>(), most = batch.lengths.max().item<std::int64_t>();
    if (shortest < 1 || most > longest)
        base::fail(base::ErrorKind::internal, "a batch of {} columns has a sequence of {} tokens", longest,
                   shortest < 1 ? shortest : most);
    if (shortest == longest) return;
    const auto real = real_tokens(batch.lengths, longest);
    rows = real.flatten().nonzero().squeeze(1).to(options.device());
    attention_bias = torch::zeros({sequences, 1, 1, longest}, options);
    attention_bias.masked_fill_(real.logical_not().view({sequences, 1, 1, longest}).to(options.device()),
                                -std::numeric_limits<double>::infinity());
}

TokenBatch make_batch(const std::vector<std::vector<std::int32_t>>& sequences, std::int64_t padding, torch::Device device) {
    std::size_t longest = 1;
    for (const auto& sequence : sequences) longest = std::max(longest, sequence.size());
    const auto rows = static_cast<std::int64_t>(sequences.size());
    auto ids = torch::full({rows, static_cast<std::int64_t>(longest)}, padding, torch::kLong);
    auto lengths = torch::empty({rows}, torch::kLong);
    for (std::size_t row = 0; row < sequences.size(); ++row) {
        std::copy(sequences[row].begin(), sequences[row].end(), ids.data_ptr<std::int64_t>() + row * longest);
        lengths.data_ptr<std::int64_t>()[row] = static_cast<std::int64_t>(sequences[row].size());
    }
    return {ids.to(device), lengths};
}

torch::Tensor mean_pool(const torch::Tensor& hidden, const torch::Tensor& lengths) {
    // Rows behind a sequence's end are 0, so they add nothing.
    return hidden.to(torch::kFloat).sum(1) / lengths.to(hidden.device(), torch::kFloat).unsqueeze(1);
}

torch::Tensor cls_pool(const torch::Tensor& hidden) { return hidden.select(1, 0).to(torch::kFloat); }

torch::Tensor last_pool(const torch::Tensor& hidden, const torch::Tensor& lengths) {
    const auto last = (lengths - 1).to(hidden.device()).view({-1, 1, 1}).expand({-1, 1, hidden.size(2)});
    return hidden.gather(1, last).squeeze(1).to(torch::kFloat);
}

}  // namespace kohort::model
