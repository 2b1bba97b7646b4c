// The yardstick of the encoder benchmark: oneDNN's products of BERT-base's layers alone, weights laid out as it likes them, as
// tokens a second. Each of the twelve layers has weights of its own, which both threads read, and all numbers are random, as
// in an encoder: weights that stay in a cache, or pages that nobody wrote to, would make it three times as fast. Usage:
// products fp32|bf16. Built by encoder.py: g++ -O2 -fopenmp products.cpp -ldnnl
#include <dnnl.hpp>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace {

using dnnl::memory;
constexpr long rows = 256, layers = 12, rounds = 5;
constexpr long shapes[][2] = {{2304, 768}, {768, 768}, {3072, 768}, {768, 3072}};  // out, in

void fill(const memory& target, memory::data_type type) {
    std::minstd_rand random(1);
    const long count = static_cast<long>(target.get_desc().get_size()) / (type == memory::data_type::bf16 ? 2 : 4);
    for (long i = 0; i < count; ++i) {
        const float value = static_cast<float>(random()) / 2147483648.0f - 0.5f;
        std::uint32_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        if (type == memory::data_type::bf16) static_cast<std::uint16_t*>(target.get_data_handle())[i] = static_cast<std::uint16_t>(bits >> 16);
        else static_cast<float*>(target.get_data_handle())[i] = value;
    }
}

struct Layers {
    explicit Layers(memory::data_type type) : type(type), engine(dnnl::engine::kind::cpu, 0) {
        for (const auto& [out, in] : shapes) {
            const memory::desc from({rows, in}, type, memory::format_tag::ab), to({rows, out}, type, memory::format_tag::ab),
                any({out, in}, type, memory::format_tag::any);
            chosen.emplace_back(dnnl::inner_product_forward::desc(dnnl::prop_kind::forward_inference, from, any, to), engine);
            auto& its_weights = weights.emplace_back();
            for (long layer = 0; layer < layers; ++layer) fill(its_weights.emplace_back(chosen.back().weights_desc(), engine), type);
        }
    }
    memory::data_type type;
    dnnl::engine engine;
    std::vector<dnnl::inner_product_forward::primitive_desc> chosen;  // for each shape
    std::vector<std::vector<memory>> weights;                         // for each shape and layer
};

// Seconds of all layers over `rows` tokens: the fastest round.
double seconds_of(const Layers& all) {
    omp_set_num_threads(1);
    dnnl::stream stream(all.engine);
    std::vector<dnnl::inner_product_forward> products(all.chosen.begin(), all.chosen.end());
    std::vector<memory> from, to;
    for (const auto& chosen : all.chosen) {
        fill(from.emplace_back(chosen.src_desc(), all.engine), all.type);
        fill(to.emplace_back(chosen.dst_desc(), all.engine), all.type);
    }
    double best = 1e300;
    for (long round = 0; round < rounds; ++round) {
        const auto start = std::chrono::steady_clock::now();
        for (std::size_t layer = 0; layer < layers; ++layer)
            for (std::size_t shape = 0; shape < products.size(); ++shape)
                products[shape].execute(stream, {{DNNL_ARG_SRC, from[shape]}, {DNNL_ARG_WEIGHTS, all.weights[shape][layer]}, {DNNL_ARG_DST, to[shape]}});
        stream.wait();
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return best;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const Layers all(std::strcmp(argv[1], "bf16") == 0 ? memory::data_type::bf16 : memory::data_type::f32);
    double seconds[2];
    std::thread other([&] { seconds[1] = seconds_of(all); });
    seconds[0] = seconds_of(all);
    other.join();
    std::printf("%.0f\n", rows / seconds[0] + rows / seconds[1]);
}
