// What `kohort --version` says: the build and the libraries it runs with.
#pragma once

#include <string>

namespace kohort::jobs {

std::string version_text();   // several lines for people
std::string build_version();  // "0.2.0": part of the key of every float stage
std::string blas_version();   // what multiplies LibTorch's fp32 matrices

}  // namespace kohort::jobs
