// What communication needs from a GPU besides collectives: copies through pinned host memory, and knowing when the
// work queued on a stream is done. No CUDA type appears here, so that every build has the code and tests it on a
// made-up device; the build with CUDA has the real one (cuda_device_runtime.cpp).
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace kohort::parallel {

// A cudaStream_t; null is the default stream.
using Stream = void*;

// A mark in a stream.
class StreamMark {
  public:
    virtual ~StreamMark() = default;
    // Whether everything queued before the mark is done. Error(environment) when the device has failed.
    virtual bool passed() = 0;
};

// All functions throw Error(environment) when the device refuses. Copies and marks are queued on the stream.
class DeviceRuntime {
  public:
    virtual ~DeviceRuntime() = default;

    virtual int devices() = 0;              // that this process sees
    virtual std::string name(int device) = 0;  // of its kind: "NVIDIA H100 80GB HBM3"
    virtual void use_device(int device) = 0;  // for the calling thread
    virtual void* allocate_pinned(std::size_t bytes) = 0;
    virtual void free_pinned(void* memory) noexcept = 0;
    virtual void copy_to_host(void* host, const void* device, std::size_t bytes, Stream stream) = 0;
    virtual void copy_to_device(void* device, const void* host, std::size_t bytes, Stream stream) = 0;
    virtual std::unique_ptr<StreamMark> mark(Stream stream) = 0;
};

// CUDA's runtime; null in a build without CUDA.
std::shared_ptr<DeviceRuntime> linked_device_runtime();

}  // namespace kohort::parallel
