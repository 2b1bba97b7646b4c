// NCCL itself behind the table. Compiled only where NCCL is there.
#include "parallel/nccl_functions.h"

#include <nccl.h>

#include <cstring>

namespace kohort::parallel {
namespace {

static_assert(sizeof(NcclUniqueId) == sizeof(ncclUniqueId));
static_assert(static_cast<int>(ncclSuccess) == nccl_success && static_cast<int>(ncclRemoteError) == nccl_remote_error &&
              static_cast<int>(ncclInProgress) == nccl_in_progress);

ncclComm_t comm_of(NcclHandle handle) { return static_cast<ncclComm_t>(handle); }
cudaStream_t stream_of(Stream stream) { return static_cast<cudaStream_t>(stream); }

ncclDataType_t nccl_type(DataType type) {
    switch (type) {
        case DataType::byte: return ncclUint8;
        case DataType::int32: return ncclInt32;
        case DataType::int64: return ncclInt64;
        case DataType::uint64: return ncclUint64;
        case DataType::float32: return ncclFloat32;
        case DataType::float64: return ncclFloat64;
    }
    return ncclNumTypes;
}

ncclRedOp_t nccl_operation(ReduceOperation operation) {
    switch (operation) {
        case ReduceOperation::minimum: return ncclMin;
        case ReduceOperation::maximum: return ncclMax;
        case ReduceOperation::sum:
        case ReduceOperation::inexact_sum: return ncclSum;
    }
    return ncclNumOps;
}

int get_unique_id(NcclUniqueId& id) {
    ncclUniqueId made;
    const auto result = ncclGetUniqueId(&made);
    std::memcpy(id.bytes.data(), made.internal, id.bytes.size());
    return result;
}

int init_rank(NcclHandle& comm, int size, const NcclUniqueId& id, int rank) {
    ncclUniqueId given;
    std::memcpy(given.internal, id.bytes.data(), id.bytes.size());
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    ncclComm_t made = nullptr;
    const auto result = ncclCommInitRankConfig(&made, size, given, rank, &config);
    comm = made;
    return result;
}

int get_async_error(NcclHandle comm, int& state) {
    ncclResult_t found = ncclSuccess;
    const auto result = ncclCommGetAsyncError(comm_of(comm), &found);
    state = found;
    return result;
}

int all_reduce(const void* send, void* receive, std::size_t count, DataType type, ReduceOperation operation,
               NcclHandle comm, Stream stream) {
    return ncclAllReduce(send, receive, count, nccl_type(type), nccl_operation(operation), comm_of(comm), stream_of(stream));
}

int broadcast(void* data, std::size_t count, DataType type, int root, NcclHandle comm, Stream stream) {
    return ncclBroadcast(data, data, count, nccl_type(type), root, comm_of(comm), stream_of(stream));
}

int reduce_scatter(const void* send, void* receive, std::size_t receive_count, DataType type, ReduceOperation operation,
                   NcclHandle comm, Stream stream) {
    return ncclReduceScatter(send, receive, receive_count, nccl_type(type), nccl_operation(operation), comm_of(comm),
                             stream_of(stream));
}

std::string error_text(int result, NcclHandle comm) {
    std::string text = ncclGetErrorString(static_cast<ncclResult_t>(result));
    const char* last = ncclGetLastError(comm_of(comm));
    if (last && *last) text.append(" (").append(last).append(")");
    return text;
}

std::string version() {
    int code = 0;
    if (ncclGetVersion(&code) != ncclSuccess) return "unknown";
    return fmt::format("{}.{}.{}", code / 10000, code / 100 % 100, code % 100);
}

}  // namespace

std::optional<NcclFunctions> linked_nccl() {
    return NcclFunctions{
        .get_unique_id = get_unique_id,
        .init_rank = init_rank,
        .get_async_error = get_async_error,
        .all_reduce = all_reduce,
        .broadcast = broadcast,
        .reduce_scatter = reduce_scatter,
        .finalize = [](NcclHandle comm) -> int { return ncclCommFinalize(comm_of(comm)); },
        .destroy = [](NcclHandle comm) -> int { return ncclCommDestroy(comm_of(comm)); },
        .abort = [](NcclHandle comm) -> int { return ncclCommAbort(comm_of(comm)); },
        .error_text = error_text,
        .version = version,
    };
}

}  // namespace kohort::parallel
