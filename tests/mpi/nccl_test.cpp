// Real GPUs: reductions of device memory, by NCCL where every rank has a GPU, through pinned memory where they share.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "../parallel/collective_checks.h"
#include "mpi_world.h"
#include "parallel/collectives_choice.h"
#include "parallel/device_runtime.h"
#include "parallel/mpi_communicator.h"
#include "parallel/nccl_communicator.h"
#include "parallel/staging_communicator.h"

namespace kohort::parallel {
namespace {

// Device memory with the contents of a vector.
template <class T>
class OnDevice {
  public:
    OnDevice(const std::vector<T>& values, cudaStream_t stream) : count_(values.size()), stream_(stream) {
        EXPECT_EQ(cudaMalloc(&memory_, bytes()), cudaSuccess);
        EXPECT_EQ(cudaMemcpyAsync(memory_, values.data(), bytes(), cudaMemcpyHostToDevice, stream_), cudaSuccess);
    }
    ~OnDevice() { cudaFree(memory_); }
    OnDevice(const OnDevice&) = delete;
    OnDevice& operator=(const OnDevice&) = delete;

    Buffer buffer() const {
        return {memory_, static_cast<std::int64_t>(count_), data_type_of<T>(), Device::cuda, stream_};
    }
    std::vector<T> values() const {
        std::vector<T> all(count_);
        EXPECT_EQ(cudaMemcpyAsync(all.data(), memory_, bytes(), cudaMemcpyDeviceToHost, stream_), cudaSuccess);
        EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
        return all;
    }

  private:
    std::size_t bytes() const { return count_ * sizeof(T); }

    std::size_t count_;
    cudaStream_t stream_;
    void* memory_ = nullptr;
};

template <class T>
void check_on_device(Communicator& comm, cudaStream_t stream, std::int64_t count) {
    constexpr auto sum = std::is_integral_v<T> ? ReduceOperation::sum : ReduceOperation::inexact_sum;
    for (const auto operation : {sum, ReduceOperation::minimum, ReduceOperation::maximum}) {
        OnDevice<T> data(elements<T>(comm.rank(), count), stream);
        comm.start_all_reduce(data.buffer(), operation).wait();
        EXPECT_EQ(data.values(), reduced<T>(comm.size(), count, operation));

        OnDevice<T> whole(elements<T>(comm.rank(), count * comm.size()), stream);
        OnDevice<T> part(std::vector<T>(static_cast<std::size_t>(count)), stream);
        comm.start_reduce_scatter(whole.buffer(), part.buffer(), operation).wait();
        const auto expected = reduced<T>(comm.size(), count * comm.size(), operation);
        const auto mine = part.values();
        EXPECT_TRUE(std::equal(mine.begin(), mine.end(), expected.begin() + count * comm.rank()));
    }
    OnDevice<T> data(elements<T>(comm.rank(), count), stream);
    comm.start_broadcast(data.buffer(), comm.size() - 1).wait();
    EXPECT_EQ(data.values(), elements<T>(comm.size() - 1, count));
}

void check_communicator(Communicator& comm) {
    cudaStream_t stream = nullptr;
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    for (const std::int64_t count : {1, 1000, 3000000}) {
        check_on_device<std::int64_t>(comm, stream, count);
        check_on_device<float>(comm, stream, count);
    }
    check_every_collective(comm, 100);
    cudaStreamDestroy(stream);
}

TEST(Gpu, device_memory_is_reduced_by_what_auto_chooses) {
    const auto device = linked_device_runtime();
    auto nccl = linked_nccl();
    ASSERT_TRUE(device && nccl);
    ASSERT_GT(device->devices(), 0) << "this test needs a GPU";
    const auto host = make_mpi_communicator(session(), {.gpus = device->devices()});
    const auto staging = make_staging_communicator(*host, device);
    const CollectivesFacts facts{true, true, host->topology().ranks_per_node, gather_gpus_per_node(*host, device->devices())};
    const auto choice = choose_collectives(host->size() == 1 ? Collectives::nccl : Collectives::automatic, facts);
    if (choice == Collectives::mpi) return check_communicator(*staging);
    const auto comm = make_nccl_communicator(*staging, *nccl, device);
    check_communicator(*comm);
}

}  // namespace
}  // namespace kohort::parallel
