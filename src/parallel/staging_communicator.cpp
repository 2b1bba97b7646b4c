#include "parallel/staging_communicator.h"

#include <map>

#include "parallel/backoff.h"
#include "parallel/forwarding_communicator.h"

namespace kohort::parallel {
namespace {

std::size_t bytes_of(const Buffer& buffer) { return static_cast<std::size_t>(buffer.count) * size_of(buffer.type); }

// Pinned blocks, kept for the next operation: allocating one takes as long as copying megabytes.
class PinnedPool {
  public:
    explicit PinnedPool(std::shared_ptr<DeviceRuntime> device) : device_(std::move(device)) {}
    ~PinnedPool() {
        for (const auto& [bytes, memory] : free_) device_->free_pinned(memory);
    }
    PinnedPool(const PinnedPool&) = delete;
    PinnedPool& operator=(const PinnedPool&) = delete;

    // The smallest free block that is large enough and not more than twice as large.
    std::shared_ptr<void> take(std::size_t bytes) {
        const auto found = free_.lower_bound(bytes);
        if (found == free_.end() || found->first > 2 * bytes) return lend(device_->allocate_pinned(bytes), bytes);
        const auto [size, memory] = *found;
        free_.erase(found);
        return lend(memory, size);
    }

  private:
    std::shared_ptr<void> lend(void* memory, std::size_t bytes) {
        return {memory, [this, bytes](void* returned) { free_.emplace(bytes, returned); }};
    }

    std::shared_ptr<DeviceRuntime> device_;
    std::multimap<std::size_t, void*> free_;
};

class StagingCommunicator : public ForwardingCommunicator {
  public:
    StagingCommunicator(Communicator& host, std::shared_ptr<DeviceRuntime> device)
        : ForwardingCommunicator(host), device_(std::move(device)), pool_(device_) {
        if (topology().device >= 0) device_->use_device(topology().device);
    }

    Request start_broadcast(Buffer data, int root) override {
        auto staged = stage(data, rank() == root, true);
        finish_copies();
        return finish(inner_.start_broadcast(staged.host, root), {staged});
    }

    Request start_all_reduce(Buffer data, ReduceOperation operation) override {
        auto staged = stage(data, true, true);
        finish_copies();
        return finish(inner_.start_all_reduce(staged.host, operation), {staged});
    }

    Request start_reduce_scatter(Buffer send, Buffer receive, ReduceOperation operation) override {
        auto out = stage(send, true, false), in = stage(receive, false, true);
        finish_copies();
        return finish(inner_.start_reduce_scatter(out.host, in.host, operation), {out, in});
    }

    Request start_all_gather_v(Buffer send, Buffer receive, std::vector<std::int64_t> receive_counts) override {
        auto out = stage(send, true, false), in = stage(receive, false, true);
        finish_copies();
        return finish(inner_.start_all_gather_v(out.host, in.host, std::move(receive_counts)), {out, in});
    }

    Request start_all_to_all_v(Buffer send, std::vector<std::int64_t> send_counts, Buffer receive,
                               std::vector<std::int64_t> receive_counts) override {
        auto out = stage(send, true, false), in = stage(receive, false, true);
        finish_copies();
        return finish(inner_.start_all_to_all_v(out.host, std::move(send_counts), in.host, std::move(receive_counts)),
                      {out, in});
    }

    Request start_exclusive_scan(Buffer data) override {
        auto staged = stage(data, true, true);
        finish_copies();
        return finish(inner_.start_exclusive_scan(staged.host), {staged});
    }

    Request start_gather_v(Buffer send, Buffer receive, std::vector<std::int64_t> receive_counts, int root) override {
        auto out = stage(send, true, false), in = stage(receive, false, rank() == root);
        finish_copies();
        return finish(inner_.start_gather_v(out.host, in.host, std::move(receive_counts), root), {out, in});
    }

  private:
    struct Staged {
        Buffer device, host;            // the same buffer twice where it is in host memory anyway
        std::shared_ptr<void> memory;
        bool copy_back = false;
    };

    // A host image of the buffer; `copy_in`: with its contents, once finish_copies() has returned.
    Staged stage(const Buffer& buffer, bool copy_in, bool copy_back) {
        Staged staged{buffer, buffer, nullptr, false};
        if (buffer.device == Device::host) return staged;
        staged.host.device = Device::host;
        staged.host.stream = nullptr;
        if (buffer.count == 0) return staged;
        staged.memory = pool_.take(bytes_of(buffer));
        staged.host.data = staged.memory.get();
        staged.copy_back = copy_back;
        if (copy_in) {
            device_->copy_to_host(staged.host.data, buffer.data, bytes_of(buffer), buffer.stream);
            copies_.push_back(device_->mark(buffer.stream));
        }
        return staged;
    }

    void wait_for(StreamMark& mark) {
        Backoff backoff;
        while (!mark.passed()) {
            check_peers();
            backoff.pause();
        }
    }

    void finish_copies() {
        const auto copies = std::move(copies_);
        copies_.clear();
        for (const auto& mark : copies) wait_for(*mark);
    }

    Request finish(Request operation, std::vector<Staged> staged) {
        auto pending = std::make_shared<Request>(std::move(operation));
        return Request([this, pending, staged = std::move(staged)] {
            pending->wait();
            for (const auto& part : staged) {
                if (!part.copy_back) continue;
                device_->copy_to_device(part.device.data, part.host.data, bytes_of(part.device), part.device.stream);
                wait_for(*device_->mark(part.device.stream));
            }
        });
    }

    std::shared_ptr<DeviceRuntime> device_;
    PinnedPool pool_;
    std::vector<std::unique_ptr<StreamMark>> copies_;
};

}  // namespace

std::unique_ptr<Communicator> make_staging_communicator(Communicator& host, std::shared_ptr<DeviceRuntime> device) {
    return std::make_unique<StagingCommunicator>(host, std::move(device));
}

}  // namespace kohort::parallel
