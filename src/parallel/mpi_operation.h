// The communicator's types and operations as MPI has them, and what MPI needs until an operation is complete.
#pragma once

#include <mpi.h>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "parallel/communicator.h"

namespace kohort::parallel {

inline MPI_Datatype mpi_type(DataType type) {
    switch (type) {
        case DataType::byte: return MPI_BYTE;
        case DataType::int32: return MPI_INT32_T;
        case DataType::int64: return MPI_INT64_T;
        case DataType::uint64: return MPI_UINT64_T;
        case DataType::float32: return MPI_FLOAT;
        case DataType::float64: return MPI_DOUBLE;
    }
    return MPI_DATATYPE_NULL;
}

// Sums of signed integers are done as unsigned ones, whose wrapping is defined; the bits are the same.
inline MPI_Datatype mpi_type_to_reduce(DataType type, ReduceOperation operation) {
    if (operation == ReduceOperation::sum && type == DataType::int32) return MPI_UINT32_T;
    if (operation == ReduceOperation::sum && type == DataType::int64) return MPI_UINT64_T;
    return mpi_type(type);
}

inline MPI_Op mpi_operation(ReduceOperation operation) {
    switch (operation) {
        case ReduceOperation::minimum: return MPI_MIN;
        case ReduceOperation::maximum: return MPI_MAX;
        case ReduceOperation::sum:
        case ReduceOperation::inexact_sum: return MPI_SUM;
    }
    return MPI_OP_NULL;
}

// What MPI needs until an operation is complete: its pieces' requests and the arrays that they point to.
struct MpiOperation {
    std::vector<MPI_Request> requests;
    std::vector<int> counts, offsets;
    std::function<void()> finish;
};

// Operations that will never complete; MPI keeps pointers into them, so they live longer than what calls MPI.
class MpiOrphans {
  public:
    void take(std::shared_ptr<MpiOperation> operation) {
        const std::lock_guard lock(mutex_);
        operations_.push_back(std::move(operation));
    }
    bool none() const {
        const std::lock_guard lock(mutex_);
        return operations_.empty();
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<MpiOperation>> operations_;
};

}  // namespace kohort::parallel
