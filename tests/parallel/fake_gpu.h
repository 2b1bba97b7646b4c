// A GPU and an NCCL made up for tests: streams that do their work only when somebody looks whether it is done, so
// that a missing wait shows as missing data, and collectives between thread ranks that can be told to fail.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "parallel/device_runtime.h"
#include "parallel/nccl_functions.h"

namespace kohort::parallel {

// Tasks in order; each says whether it is done. One thread uses a stream.
struct FakeStream {
    std::deque<std::function<bool()>> tasks;
    std::int64_t finished = 0;
    int looks = 0;

    std::int64_t end() const { return finished + static_cast<std::int64_t>(tasks.size()); }

    // Two looks out of three find the device busy.
    void advance() {
        if (++looks % 3 != 0) return;
        while (!tasks.empty() && tasks.front()()) {
            tasks.pop_front();
            ++finished;
        }
    }
};

class FakeDevice : public DeviceRuntime {
  public:
    ~FakeDevice() override { EXPECT_TRUE(pinned_.empty()) << "pinned memory was not freed"; }

    int devices() override { return 2; }
    std::string name(int) override { return "made-up GPU"; }
    void use_device(int device) override { used_device = device; }
    void* allocate_pinned(std::size_t bytes) override {
        ++allocations;
        pinned_.emplace_back(std::make_unique<std::byte[]>(bytes));
        return pinned_.back().get();
    }
    void free_pinned(void* memory) noexcept override {
        std::erase_if(pinned_, [&](const auto& block) { return block.get() == memory; });
    }
    void copy_to_host(void* host, const void* device, std::size_t bytes, Stream stream) override {
        copy(host, device, bytes, stream);
    }
    void copy_to_device(void* device, const void* host, std::size_t bytes, Stream stream) override {
        copy(device, host, bytes, stream);
    }
    std::unique_ptr<StreamMark> mark(Stream stream) override {
        struct Mark : StreamMark {
            FakeStream* stream;
            std::int64_t place;
            Mark(FakeStream* s, std::int64_t p) : stream(s), place(p) {}
            bool passed() override {
                stream->advance();
                return stream->finished >= place;
            }
        };
        auto* fake = static_cast<FakeStream*>(stream);
        return std::make_unique<Mark>(fake, fake->end());
    }

    int used_device = -1;
    int allocations = 0;

  private:
    static void copy(void* to, const void* from, std::size_t bytes, Stream stream) {
        static_cast<FakeStream*>(stream)->tasks.push_back([=] {
            std::memcpy(to, from, bytes);
            return true;
        });
    }

    std::vector<std::unique_ptr<std::byte[]>> pinned_;
};

// One for all thread ranks of a test; table() is what each of them gets.
class FakeNccl {
  public:
    struct Counts {
        int calls = 0, finalized = 0, destroyed = 0, aborted = 0, misused = 0;
    };

    explicit FakeNccl(int ranks) : counts_(static_cast<std::size_t>(ranks)) {}

    // From the n-th operation of this rank on (counted from 1), its communicator reports `code` asynchronously and the
    // operation never ends.
    void fail_at(int rank, int call, int code) { failing_rank_ = rank, failing_call_ = call, failing_code_ = code; }
    // The same, but the call itself goes well: the error shows only once the stream has come to the operation.
    void fail_later_at(int rank, int call, int code) { fail_at(rank, call, code), late_ = true; }
    void refuse_unique_id(int code) { unique_id_code_ = code; }
    void refuse_init(int rank, int code) { failing_init_rank_ = rank, failing_code_ = code; }

    const Counts& counts(int rank) const { return counts_[static_cast<std::size_t>(rank)]; }

    NcclFunctions table() {
        NcclFunctions functions;
        functions.get_unique_id = [this](NcclUniqueId& id) {
            std::memcpy(id.bytes.data(), "the group's id", 15);
            return unique_id_code_;
        };
        functions.init_rank = [this](NcclHandle& handle, int size, const NcclUniqueId& id, int rank) -> int {
            EXPECT_STREQ(id.bytes.data(), "the group's id");
            std::lock_guard lock(mutex_);
            comms_.push_back(std::make_unique<Comm>(Comm{rank, size}));
            handle = comms_.back().get();
            if (rank == failing_init_rank_) comms_.back()->state = failing_code_;
            ++joined_;
            return nccl_in_progress;
        };
        functions.get_async_error = [this](NcclHandle handle, int& state) -> int {
            std::lock_guard lock(mutex_);
            auto& comm = checked(handle);
            state = comm.state;
            if (state == nccl_success && (joined_ < comm.size || comm.busy > 0)) {
                comm.busy = std::max(0, comm.busy - 1);
                state = nccl_in_progress;
            }
            return nccl_success;
        };
        functions.all_reduce = [this](const void* send, void* receive, std::size_t count, DataType type,
                                      ReduceOperation operation, NcclHandle handle, Stream stream) {
            return enqueue(handle, stream, send, count * size_of(type), [=](const Sent& sent, int) {
                reduce(sent, 0, receive, count, type, operation);
            });
        };
        functions.broadcast = [this](void* data, std::size_t count, DataType type, int root, NcclHandle handle, Stream stream) {
            return enqueue(handle, stream, data, count * size_of(type), [=](const Sent& sent, int) {
                std::memcpy(data, sent[static_cast<std::size_t>(root)].data(), count * size_of(type));
            });
        };
        functions.reduce_scatter = [this](const void* send, void* receive, std::size_t count, DataType type,
                                          ReduceOperation operation, NcclHandle handle, Stream stream) {
            const auto ranks = counts_.size();
            return enqueue(handle, stream, send, ranks * count * size_of(type), [=](const Sent& sent, int rank) {
                reduce(sent, static_cast<std::size_t>(rank) * count, receive, count, type, operation);
            });
        };
        functions.finalize = [this](NcclHandle handle) { return end(handle, &Counts::finalized); };
        functions.destroy = [this](NcclHandle handle) { return end(handle, &Counts::destroyed); };
        functions.abort = [this](NcclHandle handle) { return end(handle, &Counts::aborted); };
        functions.error_text = [](int result, NcclHandle) { return "made-up failure " + std::to_string(result); };
        functions.version = [] { return std::string("0.0.0"); };
        return functions;
    }

  private:
    using Sent = std::vector<std::vector<std::byte>>;
    struct Comm {
        int rank, size;
        int state = nccl_success;
        int busy = 2;  // how often get_async_error still says "in progress"
        int operations = 0;
        bool ended = false;
    };
    struct Exchange {
        Sent sent;
        int arrived = 0;
    };

    Comm& checked(NcclHandle handle) {
        auto& comm = *static_cast<Comm*>(handle);
        if (comm.ended) ++counts_[static_cast<std::size_t>(comm.rank)].misused;
        return comm;
    }

    int end(NcclHandle handle, int Counts::* counter) {
        std::lock_guard lock(mutex_);
        auto& comm = checked(handle);
        ++(counts_[static_cast<std::size_t>(comm.rank)].*counter);
        comm.ended = counter != &Counts::finalized;
        return nccl_success;
    }

    template <class Finish>
    int enqueue(NcclHandle handle, Stream stream, const void* send, std::size_t bytes, const Finish& finish) {
        std::lock_guard lock(mutex_);
        auto& comm = checked(handle);
        comm.busy = 2;
        auto& counts = counts_[static_cast<std::size_t>(comm.rank)];
        const bool fails = ++counts.calls == failing_call_ && comm.rank == failing_rank_;
        if (fails && !late_) comm.state = failing_code_;
        auto& slot = exchanges_[comm.operations++];
        if (!slot) slot = std::make_shared<Exchange>(Exchange{Sent(static_cast<std::size_t>(comm.size)), 0});
        const auto* first = static_cast<const std::byte*>(send);
        if (comm.state == nccl_success && !fails) {
            slot->sent[static_cast<std::size_t>(comm.rank)].assign(first, first + bytes);
            ++slot->arrived;
        }
        const auto wait = [this, &comm, fails, slot, finish, rank = comm.rank, size = comm.size] {
            std::lock_guard inner(mutex_);
            if (fails) comm.state = failing_code_;
            if (slot->arrived < size) return false;
            finish(slot->sent, rank);
            return true;
        };
        static_cast<FakeStream*>(stream)->tasks.push_back(wait);
        return nccl_in_progress;
    }

    template <class T>
    static void reduce_as(const Sent& sent, std::size_t first, void* receive, std::size_t count, ReduceOperation operation) {
        for (std::size_t i = 0; i < count; ++i) {
            T result{};
            for (std::size_t r = 0; r < sent.size(); ++r) {
                T value;
                std::memcpy(&value, sent[r].data() + (first + i) * sizeof(T), sizeof(T));
                if (r == 0) result = value;
                else if (operation == ReduceOperation::minimum) result = std::min(result, value);
                else if (operation == ReduceOperation::maximum) result = std::max(result, value);
                else result = static_cast<T>(result + value);
            }
            std::memcpy(static_cast<std::byte*>(receive) + i * sizeof(T), &result, sizeof(T));
        }
    }

    static void reduce(const Sent& sent, std::size_t first, void* receive, std::size_t count, DataType type,
                       ReduceOperation operation) {
        if (type == DataType::int64) reduce_as<std::int64_t>(sent, first, receive, count, operation);
        else if (type == DataType::float32) reduce_as<float>(sent, first, receive, count, operation);
        else ADD_FAILURE() << "the fake NCCL knows int64 and float32 only";
    }

    std::mutex mutex_;
    std::vector<Counts> counts_;
    std::vector<std::unique_ptr<Comm>> comms_;
    std::map<int, std::shared_ptr<Exchange>> exchanges_;
    int joined_ = 0;
    bool late_ = false;
    int failing_rank_ = -1, failing_call_ = -1, failing_code_ = 0, failing_init_rank_ = -1, unique_id_code_ = nccl_success;
};

}  // namespace kohort::parallel
