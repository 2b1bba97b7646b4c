#include "model/row_attention.h"

#include <cmath>
#include <vector>

#include "base/error.h"
#include "model/row_kernels.h"

namespace kohort::model {
torch::Tensor row_attention(const torch::Tensor& joined, const torch::Tensor& lengths, std::int64_t heads,
                            const RowAttention& how) {
    const auto* kernels = row_kernels();
    const bool half = joined.scalar_type() == torch::kBFloat16;
    if (!kernels || !joined.is_cpu() || !joined.is_contiguous() || (!half && joined.scalar_type() != torch::kFloat) ||
        joined.size(1) % (3 * heads) != 0 || lengths.sum().item<std::int64_t>() != joined.size(0))
        base::fail(base::ErrorKind::internal, "attention by rows does not know such rows");
    const std::int64_t size = joined.size(1) / 3, bytes = joined.element_size(), longest = lengths.max().item<std::int64_t>();
    const bool distances = how.by_distance.defined();
    const std::int64_t reach = distances ? (how.by_distance.size(1) - distance_values(0)) / 2 : 0;
    if (distances && (how.by_distance.scalar_type() != torch::kFloat || !how.by_distance.is_contiguous() ||
                      how.by_distance.size(0) != heads || how.by_distance.size(1) != distance_values(reach) || reach < longest))
        base::fail(base::ErrorKind::internal, "attention by rows does not know such distances");
    const auto scale = static_cast<float>(how.scale.value_or(1 / std::sqrt(static_cast<double>(size / heads))));
    auto result = torch::empty({joined.size(0), size}, joined.options());
    const auto* from = static_cast<const char*>(joined.data_ptr());
    auto* to = static_cast<char*>(result.data_ptr());
    thread_local std::vector<float> scratch;
    const auto most = static_cast<std::size_t>(attention_scratch(longest, size / heads));
    if (scratch.size() < most) scratch.resize(most);
    for (std::int64_t i = 0; i < lengths.size(0); ++i) {
        const std::int64_t tokens = lengths.data_ptr<std::int64_t>()[i];
        kernels->attend({from, to, half ? RowType::bfloat16 : RowType::float32, tokens, heads, size / heads, how.causal, scale,
                         distances ? how.by_distance.data_ptr<float>() : nullptr, reach, scratch.data()});
        from += tokens * 3 * size * bytes;
        to += tokens * size * bytes;
    }
    return result;
}

}  // namespace kohort::model
