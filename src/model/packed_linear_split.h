#pragma once

#include <memory>

#include "model/packed_linear.h"

namespace kohort::model {

// pack_linear() for weights of fp32 where split_products_usable(), and large enough for them; null elsewhere. Weights take half
// as much memory again.
std::shared_ptr<const PackedLinear> pack_split_linear(const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace kohort::model
