// Every difference between the LibTorch builds that Kohort is made with (Debian 12's 1.13, without CUDA, and the 2.x of
// GPU machines): the only place where their version is asked for. The version macro of Debian's 1.13.1 says 1.13.0, so nothing
// depends on the patch number.
#pragma once

#include <torch/torch.h>

#if defined(KOHORT_WITH_CUDA)
#include <c10/cuda/CUDAStream.h>
#endif

#include <cmath>
#include <cstdlib>
#include <string_view>

namespace kohort::model::compat {

// Whether products of such values would be summed in bf16, rounded with every term: LibTorch does so on CPUs where oneDNN
// has no products of bf16, which asks for AVX-512 and for leave to use it. A sum of a thousand terms keeps one digit then.
inline bool sums_in_bf16(const torch::Tensor& x) {
#if defined(__x86_64__)
    static const bool without_onednn = [] {
        const char* most = std::getenv("ONEDNN_MAX_CPU_ISA");
        return (most && std::string_view(most) == "AVX2") || !__builtin_cpu_supports("avx512bw") ||
               !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq");
    }();
    return without_onednn && x.is_cpu() && x.scalar_type() == torch::kBFloat16;
#else
    static_cast<void>(x);
    return false;
#endif
}

// A tensor that products are taken of, in a type in which they are summed well.
inline torch::Tensor for_products(const torch::Tensor& x) { return x.defined() && sums_in_bf16(x) ? x.to(torch::kFloat) : x; }

// The same for attention's many small products: 1.13 would have oneDNN compile a kernel for every shape, and there are as many
// shapes as batches (bf16_product.h says what came of that).
inline torch::Tensor for_attention(const torch::Tensor& x) {
#if TORCH_VERSION_MAJOR < 2
    return x.scalar_type() == torch::kBFloat16 && x.is_cpu() ? x.to(torch::kFloat) : x;
#else
    return for_products(x);
#endif
}

// x [n, in], weight [out, in], bias [out] or undefined -> [n, out] of x's type.
inline torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias = {}) {
    return torch::linear(for_products(x), for_products(weight), for_products(bias)).to(x.scalar_type());
}

// softmax(q kᵀ / sqrt(d) + bias) for q [B, heads, T, d], k [B, heads, S, d]; bias: what can be added to [B, heads, T, S], or
// undefined (none).
inline torch::Tensor attention_probabilities(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& bias) {
    const auto scores = torch::matmul(for_attention(query) * (1.0 / std::sqrt(static_cast<double>(query.size(3)))),
                                      for_attention(key).transpose(2, 3));
    return torch::softmax(bias.defined() ? scores + bias : scores, -1);
}

// While one lives, this thread computes as training does even where no gradient is asked for: for what must come out with
// the same bits as later with gradients.
class KernelsOfTraining {
  public:
    KernelsOfTraining() : before_(on()) { on() = true; }
    ~KernelsOfTraining() { on() = before_; }
    KernelsOfTraining(const KernelsOfTraining&) = delete;
    KernelsOfTraining& operator=(const KernelsOfTraining&) = delete;
    static bool& on() {
        thread_local bool value = false;
        return value;
    }

  private:
    bool before_;
};

// The same, times value [B, heads, S, d]. 2.x has fused kernels for it; they are used where no gradient is asked
// for, so that training does not depend on which of their backward passes is there.
inline torch::Tensor attend(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                            const torch::Tensor& bias) {
#if TORCH_VERSION_MAJOR >= 2
    if (!torch::GradMode::is_enabled() && !KernelsOfTraining::on() && !sums_in_bf16(query)) {
        if (!bias.defined()) return at::scaled_dot_product_attention(query, key, value);
        return at::scaled_dot_product_attention(query, key, value,
                                                bias.expand({query.size(0), bias.size(1), query.size(2), key.size(2)}));
    }
#endif
    return torch::matmul(attention_probabilities(query, key, bias), for_attention(value)).to(value.scalar_type());
}

// Layer normalisation over the last dimension. 1.13 has no fast kernel for bf16 on the CPU; in float32, as its slow one
// computes too, it takes a seventh of the time.
inline torch::Tensor layer_norm(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, double epsilon) {
#if TORCH_VERSION_MAJOR < 2
    if (x.scalar_type() == torch::kBFloat16 && x.device().is_cpu())
        return torch::layer_norm(x.to(torch::kFloat), {x.size(-1)}, weight.to(torch::kFloat), bias.to(torch::kFloat), epsilon).to(torch::kBFloat16);
#endif
    return torch::layer_norm(x, {x.size(-1)}, weight, bias, epsilon);
}

// The stream that LibTorch queues this thread's work on a device in (a cudaStream_t); null on the CPU.
inline void* current_stream(torch::Device device) {
#if defined(KOHORT_WITH_CUDA)
    if (device.is_cuda()) return c10::cuda::getCurrentCUDAStream(device.index()).stream();
#endif
    static_cast<void>(device);
    return nullptr;
}

// LibTorch's own answer, torch::hasCUDA(), is "no" in a 2.x with CUDA that finds no GPU.
#if defined(KOHORT_WITH_CUDA)
inline constexpr bool built_with_cuda = true;
#else
inline constexpr bool built_with_cuda = false;
#endif

// Whether CUDA's kernels must add in a fixed order. Where LibTorch has no such kernel it warns and goes on. (2.x would
// also fill all fresh memory, which takes time and changes no result.)
inline void set_repeatable_kernels(bool on) {
    at::globalContext().setDeterministicAlgorithms(on, /*warn_only=*/true);
#if TORCH_VERSION_MAJOR >= 2
    at::globalContext().setDeterministicFillUninitializedMemory(false);
#endif
}

// True where oneDNN multiplies bf16 in hardware (AVX-512 BF16) rather than by widening it.
inline bool cpu_multiplies_bf16() {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

}  // namespace kohort::model::compat
