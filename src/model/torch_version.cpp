#include "model/torch_version.h"

#include <torch/torch.h>

namespace kohort::model {

std::string torch_version() {
    return std::string("LibTorch ") + TORCH_VERSION + (torch::cuda::is_available() ? ", CUDA" : ", no GPU");
}

bool torch_has_mkl() { return torch::hasMKL(); }

}  // namespace kohort::model
