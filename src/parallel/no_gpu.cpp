// What a build without CUDA and NCCL has in place of nccl_functions.cpp and cuda_device_runtime.cpp: nothing.
#include "parallel/device_runtime.h"
#include "parallel/nccl_functions.h"

namespace kohort::parallel {

std::optional<NcclFunctions> linked_nccl() { return std::nullopt; }

std::shared_ptr<DeviceRuntime> linked_device_runtime() { return nullptr; }

}  // namespace kohort::parallel
