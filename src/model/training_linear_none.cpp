// For builds without an oneDNN of their own.
#include "model/training_linear.h"
#include "model/torch_compat.h"

namespace kohort::model {

torch::Tensor training_linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
    return compat::linear(x, weight, bias);
}

}  // namespace kohort::model
