#include "model/bf16_product.h"

#include <cstddef>
#include <dnnl.hpp>
#include <map>
#include <mutex>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace kohort::model {
namespace {

using Memory = dnnl::memory;

const dnnl::engine& engine() {
    static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
    return cpu;
}

bool by_columns(const torch::Tensor& x) { return !x.is_contiguous() && x.t().is_contiguous(); }

struct Shape {
    std::int64_t m, k, n;
    bool a_by_columns, b_by_columns, bias;
    auto operator<=>(const Shape&) const = default;
};

struct Kernel {
    dnnl::matmul::primitive_desc description;  // kept, as the product may look into it
    dnnl::matmul product;
    Memory::desc a, b, bias, result;
};

Kernel make_kernel(const Shape& shape) {
    using Tag = Memory::format_tag;
    const auto matrix = [](std::int64_t rows, std::int64_t columns, bool turned) {
        return Memory::desc({rows, columns}, Memory::data_type::bf16, turned ? Tag::ba : Tag::ab);
    };
    Kernel kernel;
    kernel.a = matrix(shape.m, shape.k, shape.a_by_columns);
    kernel.b = matrix(shape.k, shape.n, shape.b_by_columns);
    kernel.bias = matrix(1, shape.n, false);
    kernel.result = matrix(shape.m, shape.n, false);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const auto what = shape.bias ? dnnl::matmul::desc(kernel.a, kernel.b, kernel.bias, kernel.result)
                                 : dnnl::matmul::desc(kernel.a, kernel.b, kernel.result);
    kernel.description = dnnl::matmul::primitive_desc(what, attributes, engine());
    kernel.product = dnnl::matmul(kernel.description);
    return kernel;
}

struct Kernels {
    std::mutex mutex;
    std::map<Shape, Kernel> by_shape;
};
Kernels& all_kernels() {
    static Kernels kernels;
    return kernels;
}

const Kernel& kernel_for(const Shape& shape) {
    Kernels& kernels = all_kernels();
    const std::lock_guard lock(kernels.mutex);
    auto found = kernels.by_shape.find(shape);
    if (found == kernels.by_shape.end()) found = kernels.by_shape.emplace(shape, make_kernel(shape)).first;
    return found->second;
}

}  // namespace

std::int64_t bf16_kernels() {
    Kernels& kernels = all_kernels();
    const std::lock_guard lock(kernels.mutex);
    return std::ssize(kernels.by_shape);
}

torch::Tensor multiply_bf16(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& bias) {
    const Kernel& kernel = kernel_for({a.size(0), a.size(1), b.size(1), by_columns(a), by_columns(b), bias.defined()});
    auto result = torch::empty({a.size(0), b.size(1)}, a.options().requires_grad(false));
    thread_local std::vector<std::byte> scratch;
    const auto needed = kernel.description.scratchpad_desc();
    if (scratch.size() < needed.get_size()) scratch.resize(needed.get_size());
    std::unordered_map<int, Memory> arguments{{DNNL_ARG_SRC, Memory(kernel.a, engine(), a.data_ptr())},
                                              {DNNL_ARG_WEIGHTS, Memory(kernel.b, engine(), b.data_ptr())},
                                              {DNNL_ARG_DST, Memory(kernel.result, engine(), result.data_ptr())},
                                              {DNNL_ARG_SCRATCHPAD, Memory(needed, engine(), scratch.data())}};
    if (bias.defined()) arguments.emplace(DNNL_ARG_BIAS, Memory(kernel.bias, engine(), bias.data_ptr()));
    dnnl::stream stream(engine());
    kernel.product.execute(stream, arguments);
    stream.wait();
    return result;
}

}  // namespace kohort::model
