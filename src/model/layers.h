// The few layers that every encoder here is made of, as plain values over named tensors. The tensors' names are
// Hugging Face's, so that a model's file, its optimizer's state and its error messages speak of the same things.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/device.h"
#include "model/model_config.h"
#include "model/packed_linear.h"
#include "model/row_kernels.h"
#include "model/row_norm.h"
#include "model/torch_compat.h"
#include "model/training_linear.h"

namespace kohort::model {

// A weight and its name; `value` shares its storage with the layer it belongs to.
struct Parameter {
    std::string name;
    torch::Tensor value;
};

// Gives the tensor for a name and shape: from a file, from random numbers, or from another model.
using TensorSource = std::function<torch::Tensor(const std::string& name, torch::IntArrayRef shape)>;

// Asks a source for tensors and keeps the list of them, in the order asked for: the training order.
class ParameterList {
  public:
    explicit ParameterList(TensorSource source) : source_(std::move(source)) {}
    torch::Tensor add(const std::string& name, torch::IntArrayRef shape) {
        parameters_.push_back({name, source_(name, shape)});
        return parameters_.back().value;
    }
    std::vector<Parameter> take() { return std::move(parameters_); }

  private:
    TensorSource source_;
    std::vector<Parameter> parameters_;
};

inline torch::Tensor activate(Activation activation, const torch::Tensor& x) {
    // LibTorch's gelu in bf16 asks oneDNN for it on any processor with AVX-512, which refuses where it may use AVX2 only.
    const auto gelu = [&](const char* kind) { return torch::gelu(compat::for_products(x), kind).to(x.scalar_type()); };
    switch (activation) {
        case Activation::gelu: return gelu("none");
        case Activation::gelu_tanh: return gelu("tanh");
        case Activation::relu: return torch::relu(x);
    }
    return x;
}

// [n, in] -> [n, out]; without a bias where that is undefined.
struct Linear {
    torch::Tensor weight, bias;                  // weight [out, in]
    std::shared_ptr<const PackedLinear> packed;  // instead of them, in an encoder that only encodes

    Linear() = default;
    Linear(ParameterList& list, const std::string& name, std::int64_t in, std::int64_t out)
        : weight(list.add(name + ".weight", {out, in})), bias(list.add(name + ".bias", {out})) {}
    explicit Linear(torch::Tensor weight_, torch::Tensor bias_ = {}) : weight(std::move(weight_)), bias(std::move(bias_)) {}

    explicit operator bool() const { return packed || weight.defined(); }
    torch::Tensor operator()(const torch::Tensor& x) const { return packed ? packed->run(x, {}) : training_linear(x, weight, bias); }
    torch::Tensor activated(Activation activation, const torch::Tensor& x) const {
        return packed ? packed->run(x, activation) : activate(activation, training_linear(x, weight, bias));
    }
    // residual + what x gives. The residual may be overwritten.
    torch::Tensor added_to(torch::Tensor residual, const torch::Tensor& x) const {
        if (!packed) return residual + training_linear(x, weight, bias);
        packed->add_to(residual, x);
        return residual;
    }

    // Takes no gradients any more. Keeps the weights as they are where they cannot be packed.
    void pack() {
        packed = pack_linear(weight, bias);
        if (packed) weight = bias = torch::Tensor();
    }
};

// The rows of a table [vocabulary, width] for tokens [N]. Its gradient holds the rows that were looked up, not a whole table
// for each micro-batch; on a GPU, where such rows cannot be added to a whole table in a fixed order, it is whole.
inline torch::Tensor token_rows(const torch::Tensor& table, const torch::Tensor& tokens) {
    return torch::embedding(table, tokens, /*padding_idx=*/-1, /*scale_grad_by_freq=*/false, /*sparse=*/table.is_cpu());
}

struct LayerNorm {
    torch::Tensor weight, bias;
    double epsilon = 1e-12;
    std::shared_ptr<const RowNorm> rows;  // instead of them, in an encoder that only encodes
    LayerNorm() = default;
    LayerNorm(ParameterList& list, const std::string& name, std::int64_t size, double epsilon_)
        : weight(list.add(name + ".weight", {size})), bias(list.add(name + ".bias", {size})), epsilon(epsilon_) {}
    torch::Tensor operator()(const torch::Tensor& x) const { return rows ? (*rows)(x.contiguous()) : compat::layer_norm(x, weight, bias, epsilon); }

    // Takes no gradients any more, where this processor has kernels for it.
    void pack() {
        if (!row_kernels() || !weight.is_cpu()) return;
        rows = std::make_shared<const RowNorm>(weight, bias, epsilon);
        weight = bias = torch::Tensor();
    }
};

inline torch::Device torch_device(Device device) {
    return device.cuda ? torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(device.index)) : torch::Device(torch::kCPU);
}

}  // namespace kohort::model
