// Device buffers between GPUs by NCCL, one GPU a rank; everything else goes to the host's communicator.
//
// NCCL and MPI take turns: an operation on host memory first waits for the NCCL operations in flight, and MPI is
// never given device memory, since the two block each other's progress on a GPU (NVIDIA/nccl issue 493).
// Non-blocking NCCL communicators: nothing here blocks inside the library, so that a wait can look for errors of
// NCCL and of peers, and abort.
#pragma once

#include <memory>

#include "parallel/communicator.h"
#include "parallel/device_runtime.h"
#include "parallel/nccl_functions.h"

namespace kohort::parallel {

// Collective over `host`, which must outlive the result; rank r uses the GPU host.topology().device. All-reduce,
// broadcast and reduce-scatter of device buffers go to NCCL; other operations on them to `host`, which may be a
// staging communicator. Error(environment) when NCCL cannot be set up, or when the GPU or the network fails during an
// operation; Error(internal) for faults of NCCL or of its use. Both name the rank and the operation. After an error
// NCCL's communicator is aborted, once; after a peer's failure too.
std::unique_ptr<Communicator> make_nccl_communicator(Communicator& host, NcclFunctions nccl,
                                                     std::shared_ptr<DeviceRuntime> device);

}  // namespace kohort::parallel
