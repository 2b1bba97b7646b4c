// Where a model is computed and in which number format: the options --device and --precision. No torch type stands
// here, so that jobs need none.
#pragma once

#include <string>
#include <string_view>

namespace kohort::model {

struct Device {
    bool cuda = false;
    int index = 0;  // of the GPU
};

enum class Precision { fp32, bf16 };

// --device: "cpu", "cuda", or "auto" (a GPU where there is one). Ranks of a node share its GPUs in turn.
// Error(environment) for "cuda" without a GPU, Error(usage) for another word.
Device choose_device(std::string_view option, int local_rank);

// --precision: "fp32", "bf16", or "auto": bf16 where the machine multiplies it in hardware, fp32 elsewhere.
// Error(usage) for another word. All ranks must agree on the answer: see the caller's StageKey.
Precision choose_precision(std::string_view option, Device device);

std::string_view name_of(Precision precision);
std::string describe(Device device);  // "cpu", "cuda:1"

// Logs one warning where bf16 was asked for and this processor can only imitate it.
void warn_about_slow_bf16(Precision precision, Device device);

// Speed of an fp32 matrix product on one CPU thread, in GFLOP/s, measured in a few milliseconds (a tenth of a second
// with the reference BLAS).
double measure_gemm();

// Logs one warning when LibTorch computes on the reference BLAS, which is 25 to 40 times slower than OpenBLAS.
// For the CPU only; call it on one rank.
void warn_about_slow_blas();

}  // namespace kohort::model
