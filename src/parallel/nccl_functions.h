// The calls of NCCL that Kohort makes, as a table: its defaults are the linked library, and a test puts in its own.
// The types are ours, so that builds without NCCL have the code that uses the table.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "parallel/communicator.h"
#include "parallel/device_runtime.h"

namespace kohort::parallel {

using NcclHandle = void*;  // a ncclComm_t

struct NcclUniqueId {
    std::array<char, 128> bytes{};
};

// NCCL's result codes (ncclResult_t).
enum NcclResult : int {
    nccl_success = 0,
    nccl_unhandled_cuda_error = 1,
    nccl_system_error = 2,
    nccl_internal_error = 3,
    nccl_invalid_argument = 4,
    nccl_invalid_usage = 5,
    nccl_remote_error = 6,
    nccl_in_progress = 7
};

// Each function does what the one of NCCL that it is named after does; results are NcclResult.
struct NcclFunctions {
    std::function<int(NcclUniqueId& id)> get_unique_id;
    // ncclCommInitRankConfig with config.blocking = 0: returns nccl_in_progress at once.
    std::function<int(NcclHandle& comm, int size, const NcclUniqueId& id, int rank)> init_rank;
    std::function<int(NcclHandle comm, int& state)> get_async_error;
    std::function<int(const void* send, void* receive, std::size_t count, DataType, ReduceOperation, NcclHandle, Stream)>
        all_reduce;
    std::function<int(void* data, std::size_t count, DataType, int root, NcclHandle, Stream)> broadcast;
    std::function<int(const void* send, void* receive, std::size_t receive_count, DataType, ReduceOperation, NcclHandle,
                      Stream)>
        reduce_scatter;
    std::function<int(NcclHandle comm)> finalize;
    std::function<int(NcclHandle comm)> destroy;
    std::function<int(NcclHandle comm)> abort;
    std::function<std::string(int result, NcclHandle comm)> error_text;  // comm may be null
    std::function<std::string()> version;
};

// The linked library; nothing in a build without NCCL.
std::optional<NcclFunctions> linked_nccl();

}  // namespace kohort::parallel
