// Which LibTorch the program runs with, for `kohort --version` and the manifest.
#pragma once

#include <string>

namespace kohort::model {

std::string torch_version();  // "LibTorch 2.11.0, CUDA", "LibTorch 1.13.0, no GPU"
bool torch_has_mkl();         // whether MKL is inside

}  // namespace kohort::model
