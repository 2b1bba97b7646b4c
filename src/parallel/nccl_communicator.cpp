#include "parallel/nccl_communicator.h"

#include <algorithm>
#include <exception>

#include "base/log.h"
#include "parallel/agreement.h"
#include "parallel/backoff.h"
#include "parallel/collectives.h"
#include "parallel/forwarding_communicator.h"

namespace kohort::parallel {
namespace {

using Clock = std::chrono::steady_clock;

base::ErrorKind kind_of(int result) {
    const bool from_outside =
        result == nccl_unhandled_cuda_error || result == nccl_system_error || result == nccl_remote_error;
    return from_outside ? base::ErrorKind::environment : base::ErrorKind::internal;
}

class NcclCommunicator : public ForwardingCommunicator {
  public:
    NcclCommunicator(Communicator& host, NcclFunctions nccl, std::shared_ptr<DeviceRuntime> device)
        : ForwardingCommunicator(host), nccl_(std::move(nccl)), device_(std::move(device)) {
        NcclUniqueId id;
        agree(inner_, [&] {
            if (topology().device < 0)
                base::fail(base::ErrorKind::environment, "rank {} has no GPU for NCCL; use --collectives mpi", rank());
            device_->use_device(topology().device);
            if (rank() != 0) return;
            const int result = nccl_.get_unique_id(id);
            if (result != nccl_success) fail(result, "get a unique id");
        });
        broadcast(inner_, std::span<char>(id.bytes), 0);
        try {
            settle(nccl_.init_rank(comm_, size(), id, rank()), "set up");
        } catch (...) {
            abort_once();
            throw;
        }
    }

    // Ends NCCL's communicator together with the other ranks, or alone on the way out of a failure.
    ~NcclCommunicator() override {
        try {
            if (std::uncaught_exceptions() > 0) abort_once();
            if (!comm_) return;
            settle(nccl_.finalize(comm_), "finish");
            nccl_.destroy(std::exchange(comm_, nullptr));
        } catch (const PeerError&) {
            abort_once();
        } catch (const std::exception& error) {
            abort_once();
            base::log_warning("{}", error.what());
        }
    }

    Request start_all_reduce(Buffer data, ReduceOperation operation) override {
        if (data.device == Device::host) return end_epoch(), inner_.start_all_reduce(data, operation);
        check_reducible(data.type, operation);
        return start("all-reduce", data, data, [&] {
            return nccl_.all_reduce(data.data, data.data, elements(data), data.type, operation, comm_, data.stream);
        });
    }

    Request start_broadcast(Buffer data, int root) override {
        if (data.device == Device::host) return end_epoch(), inner_.start_broadcast(data, root);
        return start("broadcast", data, data, [&] {
            return nccl_.broadcast(data.data, elements(data), data.type, root, comm_, data.stream);
        }, rank() == root);
    }

    Request start_reduce_scatter(Buffer send, Buffer receive, ReduceOperation operation) override {
        if (send.device == Device::host || receive.device == Device::host)
            return end_epoch(), inner_.start_reduce_scatter(send, receive, operation);
        check_reducible(receive.type, operation);
        check_total(send, size() * receive.count);
        return start("reduce-scatter", send, receive, [&] {
            return nccl_.reduce_scatter(send.data, receive.data, elements(receive), receive.type, operation, comm_,
                                        receive.stream);
        });
    }

    Request start_barrier() override { return end_epoch(), inner_.start_barrier(); }
    Request start_all_gather_v(Buffer send, Buffer receive, std::vector<std::int64_t> receive_counts) override {
        return end_epoch(), inner_.start_all_gather_v(send, receive, std::move(receive_counts));
    }
    Request start_all_to_all_v(Buffer send, std::vector<std::int64_t> send_counts, Buffer receive,
                               std::vector<std::int64_t> receive_counts) override {
        return end_epoch(), inner_.start_all_to_all_v(send, std::move(send_counts), receive, std::move(receive_counts));
    }
    Request start_exclusive_scan(Buffer data) override { return end_epoch(), inner_.start_exclusive_scan(data); }
    std::unique_ptr<Communicator> make_sibling() override { return end_epoch(), inner_.make_sibling(); }
    Request start_gather_v(Buffer send, Buffer receive, std::vector<std::int64_t> receive_counts, int root) override {
        return end_epoch(), inner_.start_gather_v(send, receive, std::move(receive_counts), root);
    }

    int leave_after_failure(const std::optional<Failure>& own, std::chrono::milliseconds patience,
                            const std::function<void(const Failure&)>& report) override {
        abort_once();
        return inner_.leave_after_failure(own, patience, report);
    }

    CommunicationStatistics statistics() const override {
        auto all = inner_.statistics();
        all.operations += own_.operations;
        all.bytes += own_.bytes;
        all.wait_seconds += own_.wait_seconds;
        return all;
    }

  private:
    struct Operation {
        std::string name;
        std::unique_ptr<StreamMark> mark;
        bool done = false;
    };

    static std::size_t elements(const Buffer& buffer) { return static_cast<std::size_t>(buffer.count); }

    template <class Call>
    Request start(const char* what, const Buffer& sent, const Buffer& result, const Call& call, bool sends = true) {
        check_peers();
        if (!comm_) base::fail(base::ErrorKind::internal, "NCCL {} on rank {} after an abort", what, rank());
        ++own_.operations;
        if (sends) own_.bytes += sent.count * static_cast<std::int64_t>(size_of(sent.type));
        auto operation = std::make_shared<Operation>();
        operation->name = fmt::format("{} (operation {})", what, own_.operations);
        guarded([&] {
            settle(call(), operation->name);
            operation->mark = device_->mark(result.stream);
        });
        in_flight_.push_back(operation);
        return Request([this, operation] { wait_for(*operation); });
    }

    // Until the operation's place in its stream has been passed.
    void wait_for(Operation& operation) {
        const auto begin = Clock::now();
        guarded([&] {
            Backoff backoff;
            while (!operation.done && !operation.mark->passed()) {
                if (!comm_) base::fail(base::ErrorKind::internal, "NCCL {} on rank {} was aborted", operation.name, rank());
                check_state(operation.name);
                check_peers();
                backoff.pause();
            }
        });
        operation.done = true;
        std::erase_if(in_flight_, [](const auto& other) { return other->done; });
        own_.wait_seconds += std::chrono::duration<double>(Clock::now() - begin).count();
    }

    void end_epoch() {
        while (!in_flight_.empty()) wait_for(*std::shared_ptr<Operation>(in_flight_.front()));
    }

    // Whatever stops an operation, this rank's error or a peer's, leaves no NCCL kernel waiting on the GPU.
    template <class Work>
    void guarded(const Work& work) {
        try {
            work();
        } catch (...) {
            abort_once();
            throw;
        }
    }

    // A non-blocking call may return before it is done; then the communicator's state tells how it goes on.
    void settle(int result, const std::string& operation) {
        if (result != nccl_success && result != nccl_in_progress) fail(result, operation);
        if (!comm_) fail(nccl_internal_error, operation);
        Backoff backoff;
        while (check_state(operation) == nccl_in_progress) {
            check_peers();
            backoff.pause();
        }
    }

    int check_state(const std::string& operation) {
        int state = nccl_success;
        const int result = nccl_.get_async_error(comm_, state);
        if (result != nccl_success) fail(result, operation);
        if (state != nccl_success && state != nccl_in_progress) fail(state, operation);
        return state;
    }

    [[noreturn]] void fail(int result, const std::string& operation) {
        base::fail(kind_of(result), "NCCL failed on rank {} (GPU {}) in {}: {}; set NCCL_DEBUG=WARN to see more, or use "
                   "--collectives mpi", rank(), topology().device, operation, nccl_.error_text(result, comm_));
    }

    void abort_once() {
        if (auto* comm = std::exchange(comm_, nullptr)) nccl_.abort(comm);
        in_flight_.clear();
    }

    NcclFunctions nccl_;
    std::shared_ptr<DeviceRuntime> device_;
    NcclHandle comm_ = nullptr;
    std::vector<std::shared_ptr<Operation>> in_flight_;
    CommunicationStatistics own_;
};

}  // namespace

std::unique_ptr<Communicator> make_nccl_communicator(Communicator& host, NcclFunctions nccl,
                                                     std::shared_ptr<DeviceRuntime> device) {
    return std::make_unique<NcclCommunicator>(host, std::move(nccl), std::move(device));
}

}  // namespace kohort::parallel
