// The yardstick of the encoder benchmark: oneDNN's products of a BERT-base layer alone, weights laid out as it likes them, as
// tokens a second of twelve layers. Two threads, each with products of its own. Usage: products fp32|bf16. Built by
// encoder.py: g++ -O2 -fopenmp products.cpp -ldnnl
#include <dnnl.hpp>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

using dnnl::memory;
constexpr long rows = 256, layers = 12, rounds = 8, times = 8;
constexpr long shapes[][2] = {{2304, 768}, {768, 768}, {3072, 768}, {768, 3072}};  // out, in

struct Product {
    dnnl::inner_product_forward run;
    std::unordered_map<int, memory> arguments;
};

Product make(const dnnl::engine& engine, memory::data_type type, long out, long in) {
    const memory::desc from({rows, in}, type, memory::format_tag::ab), to({rows, out}, type, memory::format_tag::ab),
        weights({out, in}, type, memory::format_tag::any);
    const dnnl::inner_product_forward::primitive_desc chosen(
        dnnl::inner_product_forward::desc(dnnl::prop_kind::forward_inference, from, weights, to), engine);
    return {dnnl::inner_product_forward(chosen),
            {{DNNL_ARG_SRC, memory(from, engine)}, {DNNL_ARG_WEIGHTS, memory(chosen.weights_desc(), engine)}, {DNNL_ARG_DST, memory(to, engine)}}};
}

// Seconds of `times` layers over `rows` tokens: the fastest round.
double seconds_of_layers(memory::data_type type) {
    omp_set_num_threads(1);
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(engine);
    std::vector<Product> products;
    for (const auto& [out, in] : shapes) products.push_back(make(engine, type, out, in));
    double best = 1e300;
    for (long round = 0; round < rounds; ++round) {
        const auto start = std::chrono::steady_clock::now();
        for (long i = 0; i < times; ++i)
            for (Product& product : products) product.run.execute(stream, product.arguments);
        stream.wait();
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return best;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const auto type = std::strcmp(argv[1], "bf16") == 0 ? memory::data_type::bf16 : memory::data_type::f32;
    double seconds[2];
    std::thread other([&] { seconds[1] = seconds_of_layers(type); });
    seconds[0] = seconds_of_layers(type);
    other.join();
    std::printf("%.0f\n", (1 / seconds[0] + 1 / seconds[1]) * times * rows / layers);
}
