// What ranks say to each other, whatever carries it: MPI between processes, threads inside one process (tests),
// NCCL between GPUs for device buffers. Distributed algorithms know this class only.
//
// Every operation has a start and a wait, so that communication can run beside computation. All ranks start the
// same operations in the same order, from one thread at a time; starting throws PeerError like waiting does. Sums are for integers only: an integer sum does not depend on order, so no
// result depends on the number of ranks (exact_sum.h turns floating-point sums into integer ones). What another thread
// does beside all that goes through a sibling, which has an order of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace kohort::parallel {

enum class DataType { byte, int32, int64, uint64, float32, float64 };
std::size_t size_of(DataType type);

// inexact_sum adds floats, whose last bits then depend on the number of ranks: for `--reduction fast` only.
enum class ReduceOperation { sum, minimum, maximum, inexact_sum };

// Error(internal) unless the operation is defined for the type: sums for integers, inexact sums for floats, minimum
// and maximum for all but bytes.
void check_reducible(DataType type, ReduceOperation operation);

enum class Device { host, cuda };

// A view of memory that an operation reads or writes. `count` is in elements and may exceed 2^31: transfers are
// cut into pieces where the carrier needs it. `stream` is a cudaStream_t for device buffers.
struct Buffer {
    void* data = nullptr;
    std::int64_t count = 0;
    DataType type = DataType::byte;
    Device device = Device::host;
    void* stream = nullptr;
};

// Error(internal) unless there is one count a rank, none negative, and `buffer` holds exactly all of them.
void check_counts(const Buffer& buffer, const std::vector<std::int64_t>& counts, int ranks);
// Error(internal) unless `buffer` holds `expected` elements.
void check_total(const Buffer& buffer, std::int64_t expected);

// Error(internal) for a device buffer, which a carrier of host memory cannot take.
void check_host(const Buffer& buffer);

// Where this rank lives. Nodes are numbered by their lowest rank.
struct Topology {
    int node = 0, nodes = 1;
    int local_rank = 0, local_size = 1;
    int device = -1;                  // the GPU this rank uses; -1: none
    std::vector<int> ranks_per_node;  // [nodes]
};

// Another rank failed and has said why; this rank leaves silently with the same exit code.
class PeerError : public std::runtime_error {
  public:
    PeerError(int rank, int exit_code);
    int rank() const { return rank_; }
    int exit_code() const { return exit_code_; }

  private:
    int rank_, exit_code_;
};

// Why a rank has failed.
struct Failure {
    int exit_code = 0;
    std::string message;
};

// An operation under way. wait() returns when this rank's part is complete, or throws PeerError when a peer has
// failed. The buffers must live until then. Destroying a request that was not waited for waits, ignoring errors.
class Request {
  public:
    Request() = default;
    explicit Request(std::function<void()> wait) : wait_(std::move(wait)) {}
    Request(Request&& other) noexcept : wait_(std::exchange(other.wait_, nullptr)) {}
    Request& operator=(Request&& other) noexcept;
    ~Request();
    void wait();

  private:
    std::function<void()> wait_;
};

// Hands out 0, 1, 2, … to whichever rank asks next; next() may be called by several threads of a rank at once.
class TicketCounter {
  public:
    virtual ~TicketCounter() = default;
    virtual std::int64_t next() = 0;
};

// What a communicator has carried since it was made.
struct CommunicationStatistics {
    std::int64_t operations = 0;
    std::int64_t bytes = 0;    // sent by this rank, as the operation defines them (not as an algorithm routes them)
    double wait_seconds = 0;   // spent in wait()
};

class Communicator {
  public:
    virtual ~Communicator() = default;

    virtual int rank() const = 0;
    virtual int size() const = 0;
    virtual const Topology& topology() const = 0;
    bool is_root() const { return rank() == 0; }

    virtual Request start_barrier() = 0;
    virtual Request start_broadcast(Buffer data, int root) = 0;
    // In place. Types as check_reducible says; integer sums wrap.
    virtual Request start_all_reduce(Buffer data, ReduceOperation operation) = 0;
    // `send` has size() * receive.count elements; this rank gets its own block of the reduced whole.
    virtual Request start_reduce_scatter(Buffer send, Buffer receive, ReduceOperation operation) = 0;
    // receive_counts: elements from each rank; `receive` holds them one after another in rank order.
    virtual Request start_all_gather_v(Buffer send, Buffer receive, std::vector<std::int64_t> receive_counts) = 0;
    virtual Request start_all_to_all_v(Buffer send, std::vector<std::int64_t> send_counts, Buffer receive,
                                       std::vector<std::int64_t> receive_counts) = 0;
    // In place: element i becomes the sum of element i over all lower ranks (0 on rank 0). Integers only.
    virtual Request start_exclusive_scan(Buffer data) = 0;
    // receive and receive_counts matter on the root only.
    virtual Request start_gather_v(Buffer send, Buffer receive, std::vector<std::int64_t> receive_counts, int root) = 0;

    // Collective. A counter shared by all ranks, alive until every rank has destroyed its handle.
    virtual std::unique_ptr<TicketCounter> make_ticket_counter() = 0;

    // Collective. The same ranks once more, for host buffers, with an order of operations and statistics of its own: what
    // is started there and here, by two threads, may meet on the ranks in any order. Both hear of the same failures.
    // Destroyed before this one, by all ranks.
    virtual std::unique_ptr<Communicator> make_sibling() = 0;

    // Tells every other rank that this one has failed: their next or present wait() throws PeerError.
    virtual void announce_failure(int exit_code) = 0;
    // Throws PeerError when a peer has announced its failure. Cheap; long computations call it now and then.
    virtual void check_peers() = 0;

    // The last call of a failed job, after everything above it has unwound (agreement.h makes it): tells the others
    // of this rank's own failure, if it is one, meets them for at most `patience`, and returns the exit code that
    // all leave with. report() is called once in the whole job, for the lowest rank that failed. Where ranks are
    // processes and one does not come in time, ends the whole job.
    virtual int leave_after_failure(const std::optional<Failure>& own, std::chrono::milliseconds patience,
                                    const std::function<void(const Failure&)>& report) = 0;

    virtual CommunicationStatistics statistics() const = 0;
};

}  // namespace kohort::parallel
