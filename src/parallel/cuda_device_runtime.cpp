// CUDA's runtime behind DeviceRuntime. Compiled only where CUDA is there.
#include <cuda_runtime_api.h>

#include "base/error.h"
#include "parallel/device_runtime.h"

namespace kohort::parallel {
namespace {

void check(cudaError_t result, const char* action) {
    if (result == cudaSuccess) return;
    base::fail(base::ErrorKind::environment, "cannot {} on the GPU: {}; look at nvidia-smi, or use --device cpu", action,
               cudaGetErrorString(result));
}

class EventMark : public StreamMark {
  public:
    explicit EventMark(cudaStream_t stream) {
        check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "make an event");
        const auto result = cudaEventRecord(event_, stream);
        if (result != cudaSuccess) cudaEventDestroy(event_);  // no destructor runs for a failed constructor
        check(result, "mark a stream");
    }
    ~EventMark() override { cudaEventDestroy(event_); }
    EventMark(const EventMark&) = delete;
    EventMark& operator=(const EventMark&) = delete;

    bool passed() override {
        const auto result = cudaEventQuery(event_);
        if (result == cudaErrorNotReady) return false;
        check(result, "finish the queued work");
        return true;
    }

  private:
    cudaEvent_t event_ = nullptr;
};

class CudaRuntime : public DeviceRuntime {
  public:
    int devices() override {
        int count = 0;
        return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
    }
    std::string name(int device) override {
        cudaDeviceProp properties{};
        check(cudaGetDeviceProperties(&properties, device), "ask for the name");
        return properties.name;
    }
    void use_device(int device) override { check(cudaSetDevice(device), "choose a device"); }
    void* allocate_pinned(std::size_t bytes) override {
        void* memory = nullptr;
        check(cudaHostAlloc(&memory, bytes, cudaHostAllocPortable), "allocate pinned memory");
        return memory;
    }
    void free_pinned(void* memory) noexcept override { cudaFreeHost(memory); }
    void copy_to_host(void* host, const void* device, std::size_t bytes, Stream stream) override {
        check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, static_cast<cudaStream_t>(stream)), "copy");
    }
    void copy_to_device(void* device, const void* host, std::size_t bytes, Stream stream) override {
        check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, static_cast<cudaStream_t>(stream)), "copy");
    }
    std::unique_ptr<StreamMark> mark(Stream stream) override {
        return std::make_unique<EventMark>(static_cast<cudaStream_t>(stream));
    }
};

}  // namespace

std::shared_ptr<DeviceRuntime> linked_device_runtime() { return std::make_shared<CudaRuntime>(); }

}  // namespace kohort::parallel
