#include "parallel/device_communicator.h"

#include "parallel/agreement.h"
#include "parallel/nccl_communicator.h"
#include "parallel/staging_communicator.h"

namespace kohort::parallel {

Collectives agree_on_collectives(Communicator& host, Collectives wish, bool on_gpu,
                                 const std::shared_ptr<DeviceRuntime>& device, bool has_nccl) {
    CollectivesFacts facts{on_gpu, has_nccl, host.topology().ranks_per_node, {}};
    if (on_gpu) facts.gpus_per_node = gather_gpus_per_node(host, device ? device->devices() : 0);
    auto choice = Collectives::mpi;
    agree(host, [&] { choice = choose_collectives(wish, facts); });
    return choice;
}

DeviceCommunicator::DeviceCommunicator(Communicator& host, Collectives wish, bool on_gpu,
                                       std::shared_ptr<DeviceRuntime> device, std::optional<NcclFunctions> nccl)
    : host_(host) {
    const auto choice = agree_on_collectives(host, wish, on_gpu, device, nccl.has_value());
    if (!on_gpu) return;
    if (!device) base::fail(base::ErrorKind::internal, "device buffers in a build without CUDA");
    staging_ = make_staging_communicator(host, device);
    if (choice == Collectives::nccl) nccl_ = make_nccl_communicator(*staging_, *std::move(nccl), device);
}

std::string_view DeviceCommunicator::description() const {
    if (nccl_) return "NCCL between GPUs";
    return staging_ ? "MPI through pinned host memory" : "MPI";
}

}  // namespace kohort::parallel
