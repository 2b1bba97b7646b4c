// Which LibTorch the program runs with, for `kohort --version` and the manifest.
#pragma once

#include <string>

namespace kohort::model {

std::string torch_version();  // "LibTorch 1.13.0, CPU only, BLAS …"

}  // namespace kohort::model
