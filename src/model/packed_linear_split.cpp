#include "model/packed_linear_split.h"

#include <algorithm>

#include "base/error.h"
#include "model/row_kernels.h"
#include "model/split_product.h"

namespace kohort::model {
namespace {

class SplitLinear : public PackedLinear {
  public:
    SplitLinear(const torch::Tensor& weight, const torch::Tensor& bias)
        : in_(weight.size(1)), out_(weight.size(0)), right_({weight.data_ptr<float>(), in_, out_, in_, /*by_columns=*/true}) {
        if (bias.defined()) bias_ = bias.detach().expand({out_}).contiguous().clone();
    }

    torch::Tensor run(const torch::Tensor& x, std::optional<Activation> activation) const override {
        auto result = torch::empty({x.size(0), out_}, x.options());
        multiply(x, result, false);
        if (activation) row_kernels()->activate(*activation, result.data_ptr<float>(), result.numel());
        return result;
    }
    void add_to(torch::Tensor& sum, const torch::Tensor& x) const override { multiply(x, sum, true); }

  private:
    void multiply(const torch::Tensor& x, torch::Tensor& result, bool add) const {
        const auto rows = x.contiguous();
        if (rows.scalar_type() != torch::kFloat || rows.size(1) != in_ || !result.is_contiguous() ||
            result.scalar_type() != torch::kFloat)
            base::fail(base::ErrorKind::internal, "a packed layer does not know such rows");
        right_.multiply_into({rows.data_ptr<float>(), rows.size(0), in_, in_},
                             {result.data_ptr<float>(), bias_.defined() ? bias_.data_ptr<float>() : nullptr, add});
    }

    std::int64_t in_, out_;
    SplitMatrix right_;
    torch::Tensor bias_;
};

}  // namespace

std::shared_ptr<const PackedLinear> pack_split_linear(const torch::Tensor& weight, const torch::Tensor& bias) {
    constexpr std::int64_t narrowest = 32;  // a block's width (split_product_kernel.h): less is mostly filling
    const bool suits = weight.is_cpu() && weight.scalar_type() == torch::kFloat && split_products_usable() && row_kernels() &&
                       std::min(weight.size(0), weight.size(1)) >= narrowest;
    return suits ? std::make_shared<SplitLinear>(weight.detach().contiguous(), bias) : nullptr;
}

}  // namespace kohort::model
