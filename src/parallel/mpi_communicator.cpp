#include "parallel/mpi_communicator.h"

#include <mpi.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <numeric>

#include "base/log.h"
#include "parallel/backoff.h"
#include "parallel/failure_control.h"
#include "parallel/heartbeat.h"
#include "parallel/mpi_channel.h"
#include "parallel/mpi_check.h"
#include "parallel/mpi_operation.h"
#include "parallel/mpi_topology.h"
#include "parallel/thread_communicator.h"
#include "parallel/ticket_office.h"
#include "parallel/watchdog.h"

namespace kohort::parallel {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int data_tag = 1;

// One MPI_Test handles a limited number of packets; after a sleep there may be many.
constexpr int tests_a_look = 8;

// How long operations may still finish once a peer has failed: until then their buffers stay alive, so that data
// already on its way does not land in memory that unwinding has freed.
constexpr auto drain_time = std::chrono::milliseconds(250);

std::chrono::milliseconds milliseconds(double seconds) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

// What a process has once, however many siblings its communicator has.
struct Process {
    Process(MpiSession& session, const MpiOptions& options)
        : control(make_mpi_channel(session)), tickets(make_mpi_channel(session), control),
          watchdog(make_mpi_channel(session), control, milliseconds(options.watchdog_seconds),
                   milliseconds(options.watchdog_grace_seconds), heartbeats, [&session](int exit_code) { session.abort(exit_code); }) {}
    MpiOrphans orphans;
    FailureControl control;
    TicketOffice tickets;
    Watchdog watchdog;
};

class MpiCommunicator : public Communicator {
  public:
    MpiCommunicator(MpiSession& session, const MpiOptions& options)
        : session_(session), largest_transfer_(options.largest_transfer), topology_(find_mpi_topology(session, options.gpus)),
          process_(std::make_shared<Process>(session, options)) {
        duplicate(MPI_COMM_WORLD);
    }

    explicit MpiCommunicator(const MpiCommunicator& first, MPI_Comm of)
        : session_(first.session_), largest_transfer_(first.largest_transfer_), topology_(first.topology_), process_(first.process_),
          sibling_(true) {
        duplicate(of);
    }

    // All ranks end together: nobody may claim tickets once the office on rank 0 is closed.
    ~MpiCommunicator() override {
        try {
            if (sibling_ && std::uncaught_exceptions() > 0) return;  // its first communicator decides how the process ends
            if (std::uncaught_exceptions() > 0) session_.abandon();
            if (session_.abandoned()) return;
            if (!left_ && !sibling_) start_barrier().wait();
            check_mpi(MPI_Comm_free(&comm_), "MPI_Comm_free");
        } catch (const std::exception&) {
            session_.abandon();  // a peer has failed; whoever can report it has done so
        }
    }

    int rank() const override { return session_.rank(); }
    int size() const override { return session_.size(); }
    const Topology& topology() const override { return topology_; }

    Request start_barrier() override {
        auto operation = begin(0);
        check_mpi(MPI_Ibarrier(comm_, add_request(*operation)), "MPI_Ibarrier");
        return request(std::move(operation));
    }

    Request start_broadcast(Buffer data, int root) override {
        check_host(data);
        auto operation = begin(rank() == root ? bytes_of(data) : 0);
        for_pieces(data, [&](void* at, int count) {
            check_mpi(MPI_Ibcast(at, count, mpi_type(data.type), root, comm_, add_request(*operation)), "MPI_Ibcast");
        });
        return request(std::move(operation));
    }

    Request start_all_reduce(Buffer data, ReduceOperation reduce) override {
        check_host(data);
        check_reducible(data.type, reduce);
        auto operation = begin(bytes_of(data));
        for_pieces(data, [&](void* at, int count) {
            check_mpi(MPI_Iallreduce(MPI_IN_PLACE, at, count, mpi_type_to_reduce(data.type, reduce), mpi_operation(reduce),
                                     comm_, add_request(*operation)),
                      "MPI_Iallreduce");
        });
        return request(std::move(operation));
    }

    Request start_reduce_scatter(Buffer send, Buffer receive, ReduceOperation reduce) override {
        check_host(send);
        check_host(receive);
        check_reducible(receive.type, reduce);
        check_total(send, size() * receive.count);
        auto operation = begin(bytes_of(send));
        const auto type = mpi_type_to_reduce(receive.type, reduce);
        const auto op = mpi_operation(reduce);
        if (receive.count == 0) return request(std::move(operation));
        if (bytes_of(send) <= largest_transfer_) {
            check_mpi(MPI_Ireduce_scatter_block(send.data, receive.data, static_cast<int>(receive.count), type, op, comm_,
                                                add_request(*operation)),
                      "MPI_Ireduce_scatter_block");
            return request(std::move(operation));
        }
        // A piece of every block would not lie together in memory: each block is reduced to its rank by itself.
        for (int root = 0; root < size(); ++root) {
            for_pieces(receive, [&](void* at, int count) {
                const auto offset = static_cast<std::byte*>(at) - static_cast<std::byte*>(receive.data);
                check_mpi(MPI_Ireduce(block(send, root * receive.count) + offset, at, count, type, op, root, comm_,
                                      add_request(*operation)),
                          "MPI_Ireduce");
            });
        }
        return request(std::move(operation));
    }

    Request start_all_gather_v(Buffer send, Buffer receive, std::vector<std::int64_t> receive_counts) override {
        check_host(send);
        check_host(receive);
        check_counts(receive, receive_counts, size());
        check_total(send, receive_counts[static_cast<std::size_t>(rank())]);
        auto operation = begin(bytes_of(send));
        if (bytes_of(receive) <= largest_transfer_) {
            int offset = 0;
            for (const auto count : receive_counts) {
                operation->counts.push_back(static_cast<int>(count));
                operation->offsets.push_back(offset);
                offset += static_cast<int>(count);
            }
            const auto type = mpi_type(receive.type);
            check_mpi(MPI_Iallgatherv(send.data, static_cast<int>(send.count), type, receive.data, operation->counts.data(),
                                      operation->offsets.data(), type, comm_, add_request(*operation)),
                      "MPI_Iallgatherv");
            return request(std::move(operation));
        }
        // Too long for one call: each rank's block is broadcast from its place in the result.
        std::int64_t first = 0;
        for (int from = 0; from < size(); ++from) {
            Buffer part = receive;
            part.data = block(receive, first);
            part.count = receive_counts[static_cast<std::size_t>(from)];
            if (from == rank()) copy_bytes(part.data, send.data, bytes_of(send));
            for_pieces(part, [&](void* at, int count) {
                check_mpi(MPI_Ibcast(at, count, mpi_type(part.type), from, comm_, add_request(*operation)), "MPI_Ibcast");
            });
            first += part.count;
        }
        return request(std::move(operation));
    }

    // Point to point: only the root knows the counts, so the ranks could not agree on how to cut a collective.
    Request start_gather_v(Buffer send, Buffer receive, std::vector<std::int64_t> receive_counts, int root) override {
        check_host(send);
        auto operation = begin(bytes_of(send));
        if (rank() != root) {
            send_to(root, send, *operation);
            return request(std::move(operation));
        }
        check_host(receive);
        check_counts(receive, receive_counts, size());
        check_total(send, receive_counts[static_cast<std::size_t>(rank())]);
        std::int64_t first = 0;
        for (int from = 0; from < size(); ++from) {
            Buffer part = receive;
            part.data = block(receive, first);
            part.count = receive_counts[static_cast<std::size_t>(from)];
            if (from == rank()) copy_bytes(part.data, send.data, bytes_of(send));
            else receive_from(from, part, *operation);
            first += part.count;
        }
        return request(std::move(operation));
    }

    // Point to point for the same reason: a rank knows its own counts only.
    Request start_all_to_all_v(Buffer send, std::vector<std::int64_t> send_counts, Buffer receive,
                               std::vector<std::int64_t> receive_counts) override {
        check_host(send);
        check_host(receive);
        check_counts(send, send_counts, size());
        check_counts(receive, receive_counts, size());
        auto operation = begin(bytes_of(send));
        const auto part_of = [this](const Buffer& whole, const std::vector<std::int64_t>& counts, int peer) {
            Buffer part = whole;
            part.data = block(whole, std::accumulate(counts.begin(), counts.begin() + peer, std::int64_t{0}));
            part.count = counts[static_cast<std::size_t>(peer)];
            return part;
        };
        // In step k everybody sends to the k-th rank above, so that no rank is flooded by all others at once.
        for (int step = 1; step < size(); ++step) {
            const int from = (rank() + size() - step) % size();
            receive_from(from, part_of(receive, receive_counts, from), *operation);
        }
        for (int step = 1; step < size(); ++step) {
            const int to = (rank() + step) % size();
            send_to(to, part_of(send, send_counts, to), *operation);
        }
        const auto own = part_of(send, send_counts, rank());
        const auto own_place = part_of(receive, receive_counts, rank());
        check_total(own_place, own.count);
        copy_bytes(own_place.data, own.data, bytes_of(own));
        return request(std::move(operation));
    }

    Request start_exclusive_scan(Buffer data) override {
        check_host(data);
        check_reducible(data.type, ReduceOperation::sum);
        auto operation = begin(bytes_of(data));
        for_pieces(data, [&](void* at, int count) {
            check_mpi(MPI_Iexscan(MPI_IN_PLACE, at, count, mpi_type_to_reduce(data.type, ReduceOperation::sum), MPI_SUM, comm_,
                                  add_request(*operation)),
                      "MPI_Iexscan");
        });
        if (rank() == 0)
            operation->finish = [data] {
                if (data.count > 0) std::memset(data.data, 0, static_cast<std::size_t>(bytes_of(data)));
            };
        return request(std::move(operation));
    }

    std::unique_ptr<TicketCounter> make_ticket_counter() override { return process_->tickets.make_counter(); }
    std::unique_ptr<Communicator> make_sibling() override {
        check_peers();
        return std::make_unique<MpiCommunicator>(*this, comm_);
    }

    void announce_failure(int exit_code) override { process_->control.announce(exit_code); }

    void check_peers() override {
        heartbeat();
        process_->control.check();
    }

    int leave_after_failure(const std::optional<Failure>& own, std::chrono::milliseconds patience,
                            const std::function<void(const Failure&)>& report) override {
        const auto parting = process_->control.part(own, process_->orphans.none(), patience, report);
        left_ = true;
        if (!parting.all_arrived) session_.abort(parting.exit_code);
        if (!parting.clean) session_.abandon();
        return parting.exit_code;
    }

    CommunicationStatistics statistics() const override {
        return {operations_, bytes_, static_cast<double>(wait_nanoseconds_) * 1e-9};
    }

  private:
    void duplicate(MPI_Comm of) {
        check_mpi(MPI_Comm_dup(of, &comm_), "MPI_Comm_dup");
        check_mpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    }

    static std::int64_t bytes_of(const Buffer& buffer) {
        return buffer.count * static_cast<std::int64_t>(size_of(buffer.type));
    }

    static std::byte* block(const Buffer& buffer, std::int64_t first) {
        return static_cast<std::byte*>(buffer.data) + first * static_cast<std::int64_t>(size_of(buffer.type));
    }

    static void copy_bytes(void* to, const void* from, std::int64_t bytes) {
        if (bytes > 0) std::memmove(to, from, static_cast<std::size_t>(bytes));
    }

    static MPI_Request* add_request(MpiOperation& operation) {
        operation.requests.push_back(MPI_REQUEST_NULL);
        return &operation.requests.back();
    }

    // visit(pointer, count) for each piece of at most largest_transfer_ bytes, and at least one element.
    template <class Visit>
    void for_pieces(const Buffer& buffer, const Visit& visit) const {
        const auto most = std::max<std::int64_t>(1, largest_transfer_ / static_cast<std::int64_t>(size_of(buffer.type)));
        for (std::int64_t first = 0; first < buffer.count; first += most)
            visit(block(buffer, first), static_cast<int>(std::min(most, buffer.count - first)));
    }

    void send_to(int peer, const Buffer& buffer, MpiOperation& operation) {
        for_pieces(buffer, [&](void* at, int count) {
            check_mpi(MPI_Isend(at, count, mpi_type(buffer.type), peer, data_tag, comm_, add_request(operation)), "MPI_Isend");
        });
    }

    void receive_from(int peer, const Buffer& buffer, MpiOperation& operation) {
        for_pieces(buffer, [&](void* at, int count) {
            check_mpi(MPI_Irecv(at, count, mpi_type(buffer.type), peer, data_tag, comm_, add_request(operation)), "MPI_Irecv");
        });
    }

    std::shared_ptr<MpiOperation> begin(std::int64_t bytes) {
        check_peers();
        ++operations_;
        bytes_ += bytes;
        return std::make_shared<MpiOperation>();
    }

    Request request(std::shared_ptr<MpiOperation> operation) {
        return Request([this, operation = std::move(operation)] {
            const auto begin = Clock::now();
            wait_for(operation);
            wait_nanoseconds_ += (Clock::now() - begin).count();
            if (operation->finish) operation->finish();
        });
    }

    bool is_complete(MpiOperation& operation) {
        int done = 0;
        for (int i = 0; i < tests_a_look && !done; ++i)
            check_mpi(MPI_Testall(static_cast<int>(operation.requests.size()), operation.requests.data(), &done,
                                  MPI_STATUSES_IGNORE),
                      "MPI_Testall");
        return done != 0;
    }

    void wait_for(const std::shared_ptr<MpiOperation>& operation) {
        Backoff backoff;
        while (!is_complete(*operation)) {
            heartbeat();
            if (process_->control.peer_failed()) {
                if (!drain_end_) drain_end_ = Clock::now() + drain_time;
                if (Clock::now() >= *drain_end_) {
                    process_->orphans.take(operation);
                    process_->control.check();
                }
            }
            backoff.pause();
        }
    }

    MpiSession& session_;
    std::int64_t largest_transfer_;
    Topology topology_;
    std::shared_ptr<Process> process_;
    bool sibling_ = false;
    MPI_Comm comm_ = MPI_COMM_NULL;
    std::optional<Clock::time_point> drain_end_;
    bool left_ = false;
    std::int64_t operations_ = 0, bytes_ = 0;
    std::atomic<std::int64_t> wait_nanoseconds_{0};
};

}  // namespace

std::unique_ptr<Communicator> make_mpi_communicator(MpiSession& session, const MpiOptions& options) {
    if (!session.uses_mpi()) return make_single_communicator();
    return std::make_unique<MpiCommunicator>(session, options);
}

std::string describe(const Topology& topology) {
    std::string shares;
    for (const int ranks : topology.ranks_per_node) shares += fmt::format("{}{}", shares.empty() ? "" : "+", ranks);
    const int ranks = std::accumulate(topology.ranks_per_node.begin(), topology.ranks_per_node.end(), 0);
    return fmt::format("{} {} on {} {} ({})", ranks, ranks == 1 ? "rank" : "ranks", topology.nodes,
                       topology.nodes == 1 ? "node" : "nodes", shares);
}

}  // namespace kohort::parallel
