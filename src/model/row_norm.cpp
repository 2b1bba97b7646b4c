#include "model/row_norm.h"

#include "base/error.h"
#include "model/row_kernels.h"

namespace kohort::model {

RowNorm::RowNorm(const torch::Tensor& weight, const torch::Tensor& bias, double epsilon)
    : weight_(weight.detach().to(torch::kFloat).contiguous()),
      bias_(bias.detach().to(torch::kFloat).contiguous()),
      epsilon_(epsilon) {}

torch::Tensor RowNorm::operator()(const torch::Tensor& x) const {
    const auto* kernels = row_kernels();
    const bool half = x.scalar_type() == torch::kBFloat16;
    if (!kernels || !x.is_cpu() || !x.is_contiguous() || (!half && x.scalar_type() != torch::kFloat) ||
        x.size(-1) != weight_.size(0))
        base::fail(base::ErrorKind::internal, "normalisation by rows does not know such rows");
    auto result = torch::empty_like(x);
    kernels->normalize({x.data_ptr(), result.data_ptr(), half ? RowType::bfloat16 : RowType::float32, x.numel() / x.size(-1),
                        x.size(-1), weight_.data_ptr<float>(), bias_.data_ptr<float>(), epsilon_});
    return result;
}

}  // namespace kohort::model
