// What carries device buffers in a job: puts the communicators for GPUs together as --collectives and the ranks'
// GPUs have it.
#pragma once

#include <memory>
#include <string_view>

#include "parallel/collectives_choice.h"
#include "parallel/communicator.h"
#include "parallel/device_runtime.h"
#include "parallel/nccl_functions.h"

namespace kohort::parallel {

// Collective. choose_collectives for a job that computes on this rank's GPU (`on_gpu`) or not; its errors come on all
// ranks. For a job that wants to know before it starts.
Collectives agree_on_collectives(Communicator& host, Collectives wish, bool on_gpu,
                                 const std::shared_ptr<DeviceRuntime>& device = linked_device_runtime(),
                                 bool has_nccl = linked_nccl().has_value());

class DeviceCommunicator {
  public:
    // Collective over `host`, which must outlive this. `on_gpu`: the job computes on the GPU topology().device, and
    // its buffers lie there. Without it this is `host` itself. Errors of choose_collectives and of the communicators.
    DeviceCommunicator(Communicator& host, Collectives wish, bool on_gpu,
                       std::shared_ptr<DeviceRuntime> device = linked_device_runtime(),
                       std::optional<NcclFunctions> nccl = linked_nccl());

    Communicator& get() { return nccl_ ? *nccl_ : staging_ ? *staging_ : host_; }
    std::string_view description() const;

  private:
    Communicator& host_;
    std::unique_ptr<Communicator> staging_, nccl_;
};

}  // namespace kohort::parallel
