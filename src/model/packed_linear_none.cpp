// For LibTorch's wheels, which have an oneDNN of their own inside, beside which no other can be loaded: split products or none.
#include "model/packed_linear_split.h"

namespace kohort::model {

std::shared_ptr<const PackedLinear> pack_linear(const torch::Tensor& weight, const torch::Tensor& bias) { return pack_split_linear(weight, bias); }

}  // namespace kohort::model
