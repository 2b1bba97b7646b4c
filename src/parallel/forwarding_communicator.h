// A Communicator that passes everything on to another one: the base of those that treat some operations themselves.
#pragma once

#include <utility>
#include <vector>

#include "parallel/communicator.h"

namespace kohort::parallel {

class ForwardingCommunicator : public Communicator {
  public:
    explicit ForwardingCommunicator(Communicator& inner) : inner_(inner) {}  // which outlives this one

    int rank() const override { return inner_.rank(); }
    int size() const override { return inner_.size(); }
    const Topology& topology() const override { return inner_.topology(); }

    Request start_barrier() override { return inner_.start_barrier(); }
    Request start_broadcast(Buffer data, int root) override { return inner_.start_broadcast(data, root); }
    Request start_all_reduce(Buffer data, ReduceOperation operation) override {
        return inner_.start_all_reduce(data, operation);
    }
    Request start_reduce_scatter(Buffer send, Buffer receive, ReduceOperation operation) override {
        return inner_.start_reduce_scatter(send, receive, operation);
    }
    Request start_all_gather_v(Buffer send, Buffer receive, std::vector<std::int64_t> receive_counts) override {
        return inner_.start_all_gather_v(send, receive, std::move(receive_counts));
    }
    Request start_all_to_all_v(Buffer send, std::vector<std::int64_t> send_counts, Buffer receive,
                               std::vector<std::int64_t> receive_counts) override {
        return inner_.start_all_to_all_v(send, std::move(send_counts), receive, std::move(receive_counts));
    }
    Request start_exclusive_scan(Buffer data) override { return inner_.start_exclusive_scan(data); }
    Request start_gather_v(Buffer send, Buffer receive, std::vector<std::int64_t> receive_counts, int root) override {
        return inner_.start_gather_v(send, receive, std::move(receive_counts), root);
    }

    std::unique_ptr<TicketCounter> make_ticket_counter() override { return inner_.make_ticket_counter(); }
    std::unique_ptr<Communicator> make_sibling() override { return inner_.make_sibling(); }
    void announce_failure(int exit_code) override { inner_.announce_failure(exit_code); }
    void check_peers() override { inner_.check_peers(); }
    int leave_after_failure(const std::optional<Failure>& own, std::chrono::milliseconds patience,
                            const std::function<void(const Failure&)>& report) override {
        return inner_.leave_after_failure(own, patience, report);
    }
    CommunicationStatistics statistics() const override { return inner_.statistics(); }

  protected:
    Communicator& inner_;
};

}  // namespace kohort::parallel
