#include "parallel/thread_communicator.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "parallel/failure_control.h"
#include "parallel/heartbeat.h"
#include "parallel/thread_channel.h"

namespace kohort::parallel {
namespace {

// One collective operation in flight: every rank's contribution is copied in when it starts, so that a rank may
// overwrite its own buffer while slower peers still read.
struct Exchange {
    std::vector<std::vector<std::byte>> sent;
    std::vector<std::vector<std::int64_t>> counts;
    int arrived = 0, left = 0;
};

struct SharedState {
    explicit SharedState(int ranks) : size(ranks) {}

    const int size;
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::int64_t, std::shared_ptr<Exchange>> exchanges;  // by sequence number
    std::map<std::int64_t, std::shared_ptr<std::atomic<std::int64_t>>> counters;
    std::map<std::int64_t, std::shared_ptr<SharedState>> siblings;
};

std::vector<std::byte> copy_of(const Buffer& buffer) {
    check_host(buffer);
    const auto* first = static_cast<const std::byte*>(buffer.data);
    return {first, first + buffer.count * static_cast<std::int64_t>(size_of(buffer.type))};
}

template <class T>
void combine(std::byte* into, const std::byte* from, std::int64_t count, ReduceOperation operation) {
    for (std::int64_t i = 0; i < count; ++i) {
        T a, b;
        std::memcpy(&a, into + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
        std::memcpy(&b, from + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
        T result;
        if (operation == ReduceOperation::minimum) result = std::min(a, b);
        else if (operation == ReduceOperation::maximum) result = std::max(a, b);
        else if constexpr (std::is_integral_v<T>) result = static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
        else result = a + b;
        std::memcpy(into + i * static_cast<std::int64_t>(sizeof(T)), &result, sizeof(T));
    }
}

void combine(std::byte* into, const std::byte* from, std::int64_t count, DataType type, ReduceOperation operation) {
    switch (type) {
        case DataType::int32: return combine<std::int32_t>(into, from, count, operation);
        case DataType::int64: return combine<std::int64_t>(into, from, count, operation);
        case DataType::uint64: return combine<std::uint64_t>(into, from, count, operation);
        case DataType::float32: return combine<float>(into, from, count, operation);
        case DataType::float64: return combine<double>(into, from, count, operation);
        case DataType::byte: base::fail(base::ErrorKind::internal, "bytes cannot be reduced");
    }
}

class SharedTickets : public TicketCounter {
  public:
    SharedTickets(std::shared_ptr<std::atomic<std::int64_t>> counter, FailureControl& control)
        : counter_(std::move(counter)), control_(control) {}
    std::int64_t next() override {
        heartbeat();
        control_.check();
        return counter_->fetch_add(1);
    }

  private:
    std::shared_ptr<std::atomic<std::int64_t>> counter_;
    FailureControl& control_;
};

class ThreadCommunicator : public Communicator {
  public:
    ThreadCommunicator(std::shared_ptr<SharedState> shared, int rank, std::shared_ptr<FailureControl> control)
        : shared_(std::move(shared)), rank_(rank), control_(std::move(control)) {
        topology_.local_rank = rank_;
        topology_.local_size = shared_->size;
        topology_.ranks_per_node = {shared_->size};
    }

    int rank() const override { return rank_; }
    int size() const override { return shared_->size; }
    const Topology& topology() const override { return topology_; }

    Request start_barrier() override {
        return start({}, {}, [](const Exchange&) {});
    }

    Request start_broadcast(Buffer data, int root) override {
        return start(rank_ == root ? copy_of(data) : std::vector<std::byte>{}, {}, [data, root](const Exchange& all) {
            const auto& sent = all.sent[static_cast<std::size_t>(root)];
            std::copy(sent.begin(), sent.end(), static_cast<std::byte*>(data.data));
        });
    }

    Request start_all_reduce(Buffer data, ReduceOperation operation) override {
        check_reducible(data.type, operation);
        return start(copy_of(data), {}, [data, operation](const Exchange& all) {
            auto result = all.sent[0];
            for (std::size_t r = 1; r < all.sent.size(); ++r)
                combine(result.data(), all.sent[r].data(), data.count, data.type, operation);
            std::copy(result.begin(), result.end(), static_cast<std::byte*>(data.data));
        });
    }

    Request start_reduce_scatter(Buffer send, Buffer receive, ReduceOperation operation) override {
        check_reducible(receive.type, operation);
        check_total(send, size() * receive.count);
        return start(copy_of(send), {}, [this, receive, operation](const Exchange& all) {
            const auto bytes = receive.count * static_cast<std::int64_t>(size_of(receive.type));
            const auto at = bytes * rank_;
            std::vector<std::byte> result(all.sent[0].begin() + at, all.sent[0].begin() + at + bytes);
            for (std::size_t r = 1; r < all.sent.size(); ++r)
                combine(result.data(), all.sent[r].data() + at, receive.count, receive.type, operation);
            std::copy(result.begin(), result.end(), static_cast<std::byte*>(receive.data));
        });
    }

    Request start_all_gather_v(Buffer send, Buffer receive, std::vector<std::int64_t> receive_counts) override {
        check_counts(receive, receive_counts, size());
        return start(copy_of(send), {}, [receive](const Exchange& all) { concatenate(all, receive); });
    }

    Request start_gather_v(Buffer send, Buffer receive, std::vector<std::int64_t> receive_counts, int root) override {
        if (rank_ == root) check_counts(receive, receive_counts, size());
        return start(copy_of(send), {}, [this, receive, root](const Exchange& all) {
            if (rank_ == root) concatenate(all, receive);
        });
    }

    Request start_all_to_all_v(Buffer send, std::vector<std::int64_t> send_counts, Buffer receive,
                               std::vector<std::int64_t> receive_counts) override {
        check_counts(send, send_counts, size());
        check_counts(receive, receive_counts, size());
        return start(copy_of(send), std::move(send_counts), [this, receive](const Exchange& all) {
            auto* into = static_cast<std::byte*>(receive.data);
            const auto width = static_cast<std::int64_t>(size_of(receive.type));
            for (std::size_t r = 0; r < all.sent.size(); ++r) {
                const auto& counts = all.counts[r];
                std::int64_t first = 0;
                for (int to = 0; to < rank_; ++to) first += counts[static_cast<std::size_t>(to)];
                const auto* from = all.sent[r].data() + first * width;
                into = std::copy(from, from + counts[static_cast<std::size_t>(rank_)] * width, into);
            }
        });
    }

    Request start_exclusive_scan(Buffer data) override {
        check_reducible(data.type, ReduceOperation::sum);
        return start(copy_of(data), {}, [this, data](const Exchange& all) {
            std::vector<std::byte> result(all.sent[0].size());
            for (std::size_t r = 0; r < static_cast<std::size_t>(rank_); ++r)
                combine(result.data(), all.sent[r].data(), data.count, data.type, ReduceOperation::sum);
            std::copy(result.begin(), result.end(), static_cast<std::byte*>(data.data));
        });
    }

    std::unique_ptr<TicketCounter> make_ticket_counter() override {
        const auto sequence = next_counter_++;
        std::lock_guard lock(shared_->mutex);
        auto& counter = shared_->counters[sequence];
        if (!counter) counter = std::make_shared<std::atomic<std::int64_t>>(0);
        return std::make_unique<SharedTickets>(counter, *control_);
    }

    std::unique_ptr<Communicator> make_sibling() override {
        const auto sequence = next_sibling_++;
        std::lock_guard lock(shared_->mutex);
        auto& sibling = shared_->siblings[sequence];
        if (!sibling) sibling = std::make_shared<SharedState>(size());
        return std::make_unique<ThreadCommunicator>(sibling, rank_, control_);
    }

    void announce_failure(int exit_code) override {
        control_->announce(exit_code);
        wake_everybody();
    }

    void check_peers() override {
        heartbeat();
        control_->check();
    }

    int leave_after_failure(const std::optional<Failure>& own, std::chrono::milliseconds patience,
                            const std::function<void(const Failure&)>& report) override {
        if (own) announce_failure(own->exit_code);
        return control_->part(own, true, patience, report).exit_code;
    }

    CommunicationStatistics statistics() const override { return statistics_; }

  private:
    static void concatenate(const Exchange& all, const Buffer& receive) {
        auto* into = static_cast<std::byte*>(receive.data);
        for (const auto& sent : all.sent) into = std::copy(sent.begin(), sent.end(), into);
    }

    void wake_everybody() {
        std::lock_guard lock(shared_->mutex);
        shared_->changed.notify_all();
    }

    Request start(std::vector<std::byte> sent, std::vector<std::int64_t> counts,
                  std::function<void(const Exchange&)> complete) {
        heartbeat();
        control_->check();
        const auto sequence = next_exchange_++;
        statistics_.operations += 1;
        statistics_.bytes += static_cast<std::int64_t>(sent.size());
        std::shared_ptr<Exchange> exchange;
        {
            std::lock_guard lock(shared_->mutex);
            auto& slot = shared_->exchanges[sequence];
            if (!slot) {
                slot = std::make_shared<Exchange>();
                slot->sent.resize(static_cast<std::size_t>(size()));
                slot->counts.resize(static_cast<std::size_t>(size()));
            }
            exchange = slot;
            exchange->sent[static_cast<std::size_t>(rank_)] = std::move(sent);
            exchange->counts[static_cast<std::size_t>(rank_)] = std::move(counts);
            ++exchange->arrived;
            shared_->changed.notify_all();
        }
        return Request([this, sequence, exchange, complete = std::move(complete)] {
            const auto begin = std::chrono::steady_clock::now();
            std::unique_lock lock(shared_->mutex);
            const auto settled = [&] { return exchange->arrived == size() || control_->peer_failed(); };
            while (!shared_->changed.wait_for(lock, std::chrono::milliseconds(50), settled)) heartbeat();
            if (exchange->arrived != size()) control_->check();
            lock.unlock();
            complete(*exchange);
            lock.lock();
            if (++exchange->left == size()) shared_->exchanges.erase(sequence);
            statistics_.wait_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        });
    }

    std::shared_ptr<SharedState> shared_;
    int rank_;
    std::shared_ptr<FailureControl> control_;
    Topology topology_;
    std::int64_t next_exchange_ = 0, next_counter_ = 0, next_sibling_ = 0;
    CommunicationStatistics statistics_;
};

}  // namespace

void run_thread_ranks(int ranks, const std::function<void(Communicator&)>& body) {
    const auto shared = std::make_shared<SharedState>(ranks);
    auto channels = make_thread_channels(ranks);
    std::vector<std::exception_ptr> errors(static_cast<std::size_t>(ranks));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < ranks; ++rank) {
        threads.emplace_back([&, rank] {
            ThreadCommunicator comm(shared, rank, std::make_shared<FailureControl>(std::move(channels[static_cast<std::size_t>(rank)])));
            try {
                body(comm);
            } catch (const PeerError&) {
            } catch (const base::Error& error) {
                errors[static_cast<std::size_t>(rank)] = std::current_exception();
                comm.announce_failure(error.exit_code());
            } catch (...) {
                errors[static_cast<std::size_t>(rank)] = std::current_exception();
                comm.announce_failure(static_cast<int>(base::ErrorKind::internal));
            }
        });
    }
    for (auto& thread : threads) thread.join();
    for (const auto& error : errors)
        if (error) std::rethrow_exception(error);
}

std::unique_ptr<Communicator> make_single_communicator() {
    return std::make_unique<ThreadCommunicator>(std::make_shared<SharedState>(1), 0,
                                                std::make_shared<FailureControl>(std::move(make_thread_channels(1).front())));
}

}  // namespace kohort::parallel
