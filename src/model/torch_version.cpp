#include "model/torch_version.h"

#include <torch/torch.h>

namespace kohort::model {

std::string torch_version() {
    return std::string("LibTorch ") + TORCH_VERSION + (torch::cuda::is_available() ? ", CUDA" : ", no GPU");
}

}  // namespace kohort::model
