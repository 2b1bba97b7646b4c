#include "model/training_linear.h"

#include <dnnl.h>

#include <algorithm>

#include "base/error.h"
#include "model/bf16_product.h"
#include "model/split_product.h"
#include "model/torch_compat.h"

namespace kohort::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A matrix without gaps, by rows or by columns.
struct Matrix {
    torch::Tensor values;
    bool transposed = false;  // by columns

    explicit Matrix(const torch::Tensor& tensor) : values(tensor), transposed(!tensor.is_contiguous() && tensor.t().is_contiguous()) {
        if (!transposed) values = tensor.contiguous();
    }
    dnnl_dim_t leading() const { return std::max<dnnl_dim_t>(1, values.size(transposed ? 0 : 1)); }
    const float* data() const { return values.data_ptr<float>(); }
    FloatMatrix view() const { return {data(), values.size(0), values.size(1), leading(), transposed}; }
};

// result [m, n] (by rows) = a [m, k] b [k, n] + bias [n] (undefined: none).
void multiply(const Matrix& a, const Matrix& b, const torch::Tensor& bias, torch::Tensor& result) {
    const std::int64_t rows = result.size(0), columns = result.size(1), depth = a.values.size(1);
    if (split_products_usable() && split_product_pays(rows, depth, columns)) {
        const auto added = bias.defined() ? bias.expand({columns}).contiguous() : bias;
        return multiply_split(a.view(), b.view(), {result.data_ptr<float>(), bias.defined() ? added.data_ptr<float>() : nullptr});
    }
    if (bias.defined()) result.copy_(bias.expand_as(result));
    if (result.numel() == 0 || depth == 0) {  // oneDNN refuses matrices of nothing
        if (!bias.defined()) result.zero_();
        return;
    }
    const auto status = dnnl_sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', rows, columns, depth, 1.0F, a.data(), a.leading(), b.data(),
                                   b.leading(), bias.defined() ? 1.0F : 0.0F, result.data_ptr<float>(), std::max<dnnl_dim_t>(1, columns));
    if (status != dnnl_success) base::fail(base::ErrorKind::internal, "oneDNN could not multiply {} x {} by {} x {} (status {})", rows,
                                            depth, b.values.size(0), columns, static_cast<int>(status));
}

class FloatLinear : public torch::autograd::Function<FloatLinear> {
  public:
    static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight, const c10::optional<torch::Tensor>& bias) {
        context->save_for_backward({x, weight});
        context->saved_data["bias"] = bias.has_value();
        auto result = torch::empty({x.size(0), weight.size(0)}, x.options().requires_grad(false));
        multiply(Matrix(x), Matrix(weight.t()), bias ? *bias : torch::Tensor(), result);
        return result;
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        const auto saved = context->get_saved_variables();
        const torch::Tensor &x = saved[0], &weight = saved[1];
        const auto gradient = gradients[0].contiguous();
        variable_list result(3);
        if (x.requires_grad()) {
            result[0] = torch::empty_like(x, torch::MemoryFormat::Contiguous);
            multiply(Matrix(gradient), Matrix(weight), {}, result[0]);
        }
        if (weight.requires_grad()) {
            // Laid out as the weight is, so that nobody has to turn it.
            const bool by_columns = Matrix(weight).transposed;
            auto sums = torch::empty(by_columns ? weight.t().sizes() : weight.sizes(), weight.options());
            if (by_columns) multiply(Matrix(x.t()), Matrix(gradient), {}, sums);
            else multiply(Matrix(gradient.t()), Matrix(x), {}, sums);
            result[1] = by_columns ? sums.t() : sums;
        }
        if (context->saved_data["bias"].toBool()) result[2] = gradient.sum(0);
        return result;
    }
};

// x [n, width] with rows of zeros up to a whole multiple of bf16_row_step, without gaps.
torch::Tensor filled_up(const torch::Tensor& x) {
    const std::int64_t rows = x.size(0), whole = (rows + bf16_row_step - 1) / bf16_row_step * bf16_row_step;
    if (rows == whole) return x.contiguous();
    auto result = torch::empty({whole, x.size(1)}, x.options().requires_grad(false));
    result.narrow(0, 0, rows).copy_(x);
    result.narrow(0, rows, whole - rows).zero_();
    return result;
}

class Bf16Linear : public torch::autograd::Function<Bf16Linear> {
  public:
    static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight, const c10::optional<torch::Tensor>& bias) {
        const auto filled = filled_up(x), laid_out = Matrix(weight).transposed ? weight : weight.contiguous();
        context->save_for_backward({filled, laid_out});
        context->saved_data["bias"] = bias.has_value();
        return multiply_bf16(filled, laid_out.t(), bias ? *bias : torch::Tensor()).narrow(0, 0, x.size(0));
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        const auto saved = context->get_saved_variables();
        const torch::Tensor &x = saved[0], &weight = saved[1];
        const auto gradient = filled_up(gradients[0]);
        variable_list result(3);
        if (context->needs_input_grad(0)) result[0] = multiply_bf16(gradient, weight).narrow(0, 0, gradients[0].size(0));
        // Laid out as the weight is, so that nobody has to turn it.
        if (context->needs_input_grad(1)) result[1] = weight.is_contiguous() ? multiply_bf16(gradient.t(), x) : multiply_bf16(x.t(), gradient).t();
        if (context->saved_data["bias"].toBool()) result[2] = gradients[0].sum(0);
        return result;
    }
};

}  // namespace

torch::Tensor training_linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
    const bool matrix = x.is_cpu() && x.dim() == 2 && x.scalar_type() == weight.scalar_type();
    const auto given_bias = bias.defined() ? c10::optional<torch::Tensor>(bias) : c10::nullopt;
    if (matrix && x.scalar_type() == torch::kFloat) return FloatLinear::apply(x, weight, given_bias);
    const bool bf16 = matrix && x.scalar_type() == torch::kBFloat16 && !compat::sums_in_bf16(x) && x.numel() > 0 && weight.numel() > 0;
    return bf16 ? Bf16Linear::apply(x, weight, given_bias) : compat::linear(x, weight, bias);
}

}  // namespace kohort::model
