// Device buffers over a carrier that knows host memory only: through pinned host memory, copied there before the
// operation and back after it. For ranks that share a GPU, which NCCL refuses, and for what NCCL lacks.
#pragma once

#include <memory>

#include "parallel/communicator.h"
#include "parallel/device_runtime.h"

namespace kohort::parallel {

// `host` must outlive the result. Starting an operation on a device buffer waits until the work queued before it on
// the buffer's stream is done, so that all ranks start the host's operations in the same order.
std::unique_ptr<Communicator> make_staging_communicator(Communicator& host, std::shared_ptr<DeviceRuntime> device);

}  // namespace kohort::parallel
