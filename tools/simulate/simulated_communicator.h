// The communicator of the simulation. src/parallel/mpi_communicator.cpp cannot be used here: it polls with real time
// between looks and has threads for failures, while simulated time stands still outside MPI calls.
// Its all-reduce is MPI_Iallreduce in place, for which SMPI knows only sends from each rank to each. Open MPI 4.1 does it
// by a binomial tree up and down with whole buffers, at any size (as its own counts of messages show); so does this
// one. The blocking MPI_Allreduce, for comparison, halves buffers (Rabenseifner) where they are long.
#pragma once

#include <mpi.h>

#include <smpi/smpi.h>

#include <limits>
#include <stdexcept>
#include <vector>

#include "parallel/communicator.h"

namespace kohort::simulate {

enum class AllReduce { tree, blocking };

class SimulatedCommunicator : public parallel::Communicator {
  public:
    // flops_a_sum: what adding two elements costs, in operations of the simulated core.
    SimulatedCommunicator(AllReduce algorithm, double flops_a_sum)
        : algorithm_(algorithm), flops_a_sum_(flops_a_sum) {
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
        if (algorithm_ == AllReduce::tree) {
            reduce_to_first(data, operation_of(operation));
            spread_from_first(data);
            return {};
        }
        MPI_Allreduce(MPI_IN_PLACE, data.data, count_of(data.count), type_of(data.type), operation_of(operation),
                      MPI_COMM_WORLD);
        // The halves of halves that a rank adds make up the buffer, less one rank's share.
        smpi_execute_flops(flops_a_sum_ * static_cast<double>(data.count) * (size_ - 1) / size_);
        return {};
    }
    parallel::Request start_all_gather_v(parallel::Buffer send, parallel::Buffer receive,
                                         std::vector<std::int64_t> counts) override {
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
    parallel::Request start_reduce_scatter(parallel::Buffer, parallel::Buffer, parallel::ReduceOperation) override {
        return unused();
    }
    parallel::Request start_all_to_all_v(parallel::Buffer, std::vector<std::int64_t>, parallel::Buffer,
                                         std::vector<std::int64_t>) override { return unused(); }
    parallel::Request start_exclusive_scan(parallel::Buffer) override { return unused(); }
    parallel::Request start_gather_v(parallel::Buffer, parallel::Buffer, std::vector<std::int64_t>, int) override {
        return unused();
    }
    std::unique_ptr<parallel::TicketCounter> make_ticket_counter() override { throw std::logic_error("not simulated"); }

    void announce_failure(int) override {}
    void check_peers() override {}
    int leave_after_failure(const std::optional<parallel::Failure>&, std::chrono::milliseconds,
                            const std::function<void(const parallel::Failure&)>&) override {
        return 1;
    }
    parallel::CommunicationStatistics statistics() const override { return {}; }

  private:
    // In round r a rank whose lowest set bit is r sends up and is done; what it receives before that it adds.
    void reduce_to_first(const parallel::Buffer& data, MPI_Op operation) {
        const int count = count_of(data.count);
        const MPI_Datatype type = type_of(data.type);
        std::vector<std::byte> received;
        for (int bit = 1; bit < size_; bit *= 2) {
            if (rank_ & bit) {
                MPI_Send(data.data, count, type, rank_ - bit, reduce_tag, MPI_COMM_WORLD);
                return;
            }
            if (rank_ + bit >= size_) continue;
            received.resize(static_cast<std::size_t>(data.count) * parallel::size_of(data.type));
            MPI_Recv(received.data(), count, type, rank_ + bit, reduce_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            MPI_Reduce_local(received.data(), data.data, count, type, operation);
            smpi_execute_flops(flops_a_sum_ * static_cast<double>(data.count));
        }
    }

    // A rank receives from itself less its highest set bit and sends to itself plus each higher one, all at once.
    void spread_from_first(const parallel::Buffer& data) {
        const int count = count_of(data.count);
        const MPI_Datatype type = type_of(data.type);
        int bit = 1;
        while (bit <= rank_) bit *= 2;
        if (rank_ > 0) MPI_Recv(data.data, count, type, rank_ - bit / 2, spread_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        std::vector<MPI_Request> sends;
        for (; rank_ + bit < size_; bit *= 2)
            MPI_Isend(data.data, count, type, rank_ + bit, spread_tag, MPI_COMM_WORLD, &sends.emplace_back());
        MPI_Waitall(static_cast<int>(sends.size()), sends.data(), MPI_STATUSES_IGNORE);
    }

    static constexpr int reduce_tag = 1, spread_tag = 2;

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

    AllReduce algorithm_;
    double flops_a_sum_;
    int rank_ = 0, size_ = 1;
    parallel::Topology topology_;
};

}  // namespace kohort::simulate
