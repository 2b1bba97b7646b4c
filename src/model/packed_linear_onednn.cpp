#include "model/packed_linear.h"

#include <dnnl.hpp>

#include <cstddef>
#include <map>
#include <mutex>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "model/packed_linear_split.h"

namespace kohort::model {
namespace {

using Memory = dnnl::memory;
using Type = Memory::data_type;
using Tag = Memory::format_tag;

// Products are taken of so many rows at a time: enough for full speed, and few enough sizes (the rest is filled up to
// whole steps) that each kernel is made once.
constexpr std::int64_t block_rows = 256, row_step = 16;

Type type_of(const torch::Tensor& tensor) { return tensor.scalar_type() == torch::kBFloat16 ? Type::bf16 : Type::f32; }

const dnnl::engine& engine() {
    static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
    return cpu;
}

enum class After { nothing, gelu, gelu_tanh, relu, added_to_output };

After after(Activation activation) {
    switch (activation) {
        case Activation::gelu: return After::gelu;
        case Activation::gelu_tanh: return After::gelu_tanh;
        case Activation::relu: break;
    }
    return After::relu;
}

dnnl::primitive_attr attributes(After after) {
    dnnl::post_ops operations;
    switch (after) {
        case After::nothing: break;
        case After::gelu: operations.append_eltwise(1, dnnl::algorithm::eltwise_gelu_erf, 0, 0); break;
        case After::gelu_tanh: operations.append_eltwise(1, dnnl::algorithm::eltwise_gelu_tanh, 0, 0); break;
        case After::relu: operations.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0); break;
        case After::added_to_output: operations.append_sum(1); break;
    }
    dnnl::primitive_attr result;
    result.set_post_ops(operations);
    result.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return result;
}

class OneDnnLinear : public PackedLinear {
  public:
    OneDnnLinear(const torch::Tensor& weight, const torch::Tensor& bias)
        : in_(weight.size(1)), out_(weight.size(0)), type_(type_of(weight)), has_bias_(bias.defined()) {
        const auto plain = weight.detach().contiguous();
        const auto chosen = describe(block_rows, After::nothing, type_, Memory::desc({out_, in_}, type_, Tag::any));
        weights_ = Memory(chosen.weights_desc(), engine());
        Memory given(Memory::desc({out_, in_}, type_, Tag::ab), engine(), plain.data_ptr());
        dnnl::stream stream(engine());
        dnnl::reorder(given, weights_).execute(stream, given, weights_);
        stream.wait();
        if (has_bias_) {
            biases_ = bias.detach().to(torch::kFloat).contiguous().clone();
            bias_memory_ = Memory(Memory::desc({out_}, Type::f32, Tag::a), engine(), biases_.data_ptr());
        }
    }

    torch::Tensor run(const torch::Tensor& x, std::optional<Activation> activation) const override {
        auto result = torch::empty({x.size(0), out_}, x.options());
        multiply(x.contiguous(), result, activation ? after(*activation) : After::nothing);
        return result;
    }
    void add_to(torch::Tensor& sum, const torch::Tensor& x) const override { multiply(x.contiguous(), sum, After::added_to_output); }

  private:
    using Product = dnnl::inner_product_forward;

    Product::primitive_desc describe(std::int64_t rows, After after, Type to, const Memory::desc& weights_are) const {
        const Memory::desc from({rows, in_}, type_, Tag::ab), result({rows, out_}, to, Tag::ab);
        const auto kind = dnnl::prop_kind::forward_inference;
        const auto what = has_bias_ ? Product::desc(kind, from, weights_are, Memory::desc({out_}, Type::f32, Tag::a), result)
                                    : Product::desc(kind, from, weights_are, result);
        return Product::primitive_desc(what, attributes(after), engine());
    }

    struct Kernel {
        Product product;
        Memory::desc from, to, scratch;
    };
    const Kernel& kernel(std::int64_t rows, After after, Type to) const {
        const std::lock_guard lock(mutex_);
        const std::tuple key(rows, after, to);
        auto found = kernels_.find(key);
        if (found == kernels_.end()) {
            const auto chosen = describe(rows, after, to, weights_.get_desc());
            found = kernels_.emplace(key, Kernel{Product(chosen), chosen.src_desc(), chosen.dst_desc(), chosen.scratchpad_desc()}).first;
        }
        return found->second;
    }

    void multiply(void* from, void* to, std::int64_t rows, After after, Type to_type) const {
        const Kernel& one = kernel(rows, after, to_type);
        thread_local std::vector<std::byte> scratch;
        if (scratch.size() < one.scratch.get_size()) scratch.resize(one.scratch.get_size());
        dnnl::stream stream(engine());
        std::unordered_map<int, Memory> arguments{{DNNL_ARG_SRC, Memory(one.from, engine(), from)},
                                                  {DNNL_ARG_WEIGHTS, weights_},
                                                  {DNNL_ARG_DST, Memory(one.to, engine(), to)},
                                                  {DNNL_ARG_SCRATCHPAD, Memory(one.scratch, engine(), scratch.data())}};
        if (has_bias_) arguments.emplace(DNNL_ARG_BIAS, bias_memory_);
        one.product.execute(stream, arguments);
        stream.wait();
    }

    // x [n, in], result [n, out], both without gaps.
    void multiply(const torch::Tensor& x, torch::Tensor& result, After after) const {
        const std::int64_t n = x.size(0), whole = n / block_rows * block_rows, left = n - whole;
        const auto at = [](const torch::Tensor& tensor, std::int64_t row) {
            return static_cast<std::byte*>(tensor.data_ptr()) + row * tensor.size(1) * static_cast<std::int64_t>(tensor.element_size());
        };
        for (std::int64_t row = 0; row < whole; row += block_rows) multiply(at(x, row), at(result, row), block_rows, after, type_of(result));
        if (left == 0) return;
        const std::int64_t filled = (left + row_step - 1) / row_step * row_step;
        if (filled == left) return multiply(at(x, whole), at(result, whole), left, after, type_of(result));
        auto rows = torch::zeros({filled, in_}, x.options()), products = torch::zeros({filled, out_}, result.options());
        rows.narrow(0, 0, left).copy_(x.narrow(0, whole, left));
        if (after == After::added_to_output) products.narrow(0, 0, left).copy_(result.narrow(0, whole, left));
        multiply(rows.data_ptr(), products.data_ptr(), filled, after, type_of(result));
        result.narrow(0, whole, left).copy_(products.narrow(0, 0, left));
    }

    std::int64_t in_, out_;
    Type type_;
    bool has_bias_;
    Memory weights_, bias_memory_;
    torch::Tensor biases_;  // fp32
    mutable std::mutex mutex_;
    mutable std::map<std::tuple<std::int64_t, After, Type>, Kernel> kernels_;
};

}  // namespace

std::shared_ptr<const PackedLinear> pack_linear(const torch::Tensor& weight, const torch::Tensor& bias) {
    if (!weight.device().is_cpu()) return nullptr;
    if (auto split = pack_split_linear(weight, bias)) return split;
    try {
        return std::make_shared<OneDnnLinear>(weight, bias);
    } catch (const dnnl::error& error) {
        if (error.status == dnnl_unimplemented) return nullptr;  // bf16 without AVX-512, say
        throw;
    }
}

}  // namespace kohort::model
