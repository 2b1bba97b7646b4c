// The communicator of the simulation: the same MPI operations as src/parallel/mpi_communicator.cpp starts, but blocking.
// That one cannot be used here: it polls with real time between looks, and keeps a second communicator for failures,
// while simulated time stands still outside MPI calls and simulated ranks do not fail.
#pragma once

#include <mpi.h>

#include <limits>
#include <stdexcept>

#include "parallel/communicator.h"

namespace kohort::simulate {

class SimulatedCommunicator : public parallel::Communicator {
  public:
    SimulatedCommunicator() {
        MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
        MPI_Comm_size(MPI_COMM_WORLD, &size_);
        topology_ = {rank_, size_, 0, 1, -1, std::vector<int>(static_cast<std::size_t>(size_), 1)};
    }

    int rank() const override { return rank_; }
    int size() const override { return size_; }
    const parallel::Topology& topology() const override { return topology_; }

    parallel::Request start_barrier() override {
        MPI_Barrier(MPI_COMM_WORLD);
        return {};
    }
    parallel::Request start_broadcast(parallel::Buffer data, int root) override {
        MPI_Bcast(data.data, count_of(data.count), type_of(data.type), root, MPI_COMM_WORLD);
        return {};
    }
    parallel::Request start_all_reduce(parallel::Buffer data, parallel::ReduceOperation operation) override {
        MPI_Allreduce(MPI_IN_PLACE, data.data, count_of(data.count), type_of(data.type), operation_of(operation), MPI_COMM_WORLD);
        return {};
    }
    parallel::Request start_all_gather_v(parallel::Buffer send, parallel::Buffer receive, std::vector<std::int64_t> counts) override {
        std::vector<int> sizes, places;
        int place = 0;
        for (const auto count : counts) {
            sizes.push_back(count_of(count));
            places.push_back(place);
            place += sizes.back();
        }
        MPI_Allgatherv(send.data, count_of(send.count), type_of(send.type), receive.data, sizes.data(), places.data(),
                       type_of(receive.type), MPI_COMM_WORLD);
        return {};
    }
    // What Lloyd's iterations never ask for.
    parallel::Request start_reduce_scatter(parallel::Buffer, parallel::Buffer, parallel::ReduceOperation) override { return unused(); }
    parallel::Request start_all_to_all_v(parallel::Buffer, std::vector<std::int64_t>, parallel::Buffer,
                                         std::vector<std::int64_t>) override { return unused(); }
    parallel::Request start_exclusive_scan(parallel::Buffer) override { return unused(); }
    parallel::Request start_gather_v(parallel::Buffer, parallel::Buffer, std::vector<std::int64_t>, int) override { return unused(); }
    std::unique_ptr<parallel::TicketCounter> make_ticket_counter() override { throw std::logic_error("not simulated"); }

    void announce_failure(int) override {}
    void check_peers() override {}
    int leave_after_failure(const std::optional<parallel::Failure>&, std::chrono::milliseconds,
                            const std::function<void(const parallel::Failure&)>&) override {
        return 1;
    }
    parallel::CommunicationStatistics statistics() const override { return {}; }

  private:
    static parallel::Request unused() { throw std::logic_error("not simulated"); }
    static int count_of(std::int64_t count) {
        if (count > std::numeric_limits<int>::max()) throw std::length_error("more than one message carries");
        return static_cast<int>(count);
    }
    static MPI_Datatype type_of(parallel::DataType type) {
        switch (type) {
            case parallel::DataType::byte: return MPI_BYTE;
            case parallel::DataType::int32: return MPI_INT32_T;
            case parallel::DataType::int64: return MPI_INT64_T;
            case parallel::DataType::uint64: return MPI_UINT64_T;
            case parallel::DataType::float32: return MPI_FLOAT;
            case parallel::DataType::float64: return MPI_DOUBLE;
        }
        throw std::logic_error("no such type");
    }
    static MPI_Op operation_of(parallel::ReduceOperation operation) {
        if (operation == parallel::ReduceOperation::minimum) return MPI_MIN;
        return operation == parallel::ReduceOperation::maximum ? MPI_MAX : MPI_SUM;
    }

    int rank_ = 0, size_ = 1;
    parallel::Topology topology_;
};

}  // namespace kohort::simulate
