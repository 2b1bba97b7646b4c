#include "model/device.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "model/torch_compat.h"

namespace kohort::model {

Device choose_device(std::string_view option, int local_rank) {
    if (option == "cpu") return {};
    if (option != "cuda" && option != "auto")
        base::fail(base::ErrorKind::usage, "--device {} is not known; auto, cpu and cuda are", option);
    const int devices = torch::cuda::is_available() ? static_cast<int>(torch::cuda::device_count()) : 0;
    if (devices > 0) {
#if defined(KOHORT_WITH_CUDA)
        // It plans anew, for half a second, for each shape it has not seen, and here hardly two batches are alike.
        at::globalContext().setSDPUseCuDNN(false);
#endif
        return {true, local_rank % devices};
    }
    if (option == "cuda")
        base::fail(base::ErrorKind::environment,
                   "--device cuda: no GPU can be used here (LibTorch {}.{} {}); use --device cpu, or run where a GPU is visible",
                   TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR,
                   compat::built_with_cuda ? "is built with CUDA but finds none" : "is built without CUDA");
    return {};
}

Precision choose_precision(std::string_view option, Device device) {
    if (option == "fp32") return Precision::fp32;
    if (option == "bf16") return Precision::bf16;
    if (option != "auto") base::fail(base::ErrorKind::usage, "--precision {} is not known; auto, fp32 and bf16 are", option);
    return device.cuda || compat::cpu_multiplies_bf16() ? Precision::bf16 : Precision::fp32;
}

std::string_view name_of(Precision precision) { return precision == Precision::bf16 ? "bf16" : "fp32"; }

std::string describe(Device device) { return device.cuda ? fmt::format("cuda:{}", device.index) : "cpu"; }

void warn_about_slow_bf16(Precision precision, Device device) {
    if (precision == Precision::bf16 && !device.cuda && !compat::cpu_multiplies_bf16())
        base::log_warning("this processor has no bf16 arithmetic: --precision bf16 is no faster than fp32 here, and less exact; "
                          "--precision auto takes what the machine does best");
}

double measure_gemm() {
    using Clock = std::chrono::steady_clock;
    const torch::NoGradGuard no_gradients;
    constexpr std::int64_t size = 256;
    const auto a = torch::ones({size, size}), b = torch::ones({size, size});
    double best = 1e9;
    for (int round = 0; round < 4; ++round) {  // the first one also wakes the library up
        const auto start = Clock::now();
        torch::mm(a, b);
        best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
    }
    return 2.0 * size * size * size / best * 1e-9;
}

void warn_about_slow_blas() {
    constexpr double slow = 15;  // GFLOP/s; the reference BLAS reaches 4, any other well over 50
    const double speed = measure_gemm();
    if (speed < slow)
        base::log_warning("LibTorch multiplies matrices at {:.0f} GFLOP/s here, which is the speed of the reference BLAS; "
                          "install OpenBLAS (apt-get install libopenblas0-pthread) to run about 25 times as fast", speed);
}

}  // namespace kohort::model
