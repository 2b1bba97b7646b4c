// The yardsticks of the k-means benchmark: oneDNN's float32 matrix product on the shape of an iteration, and the
// machine's read bandwidth. Usage: sgemm N K D THREADS (prints the mean seconds of eight after a first one, as an
// iteration's time is a mean of eight), or sgemm read THREADS (prints bytes a second, of the fastest of five passes). Built by kmeans.py: g++ -O3 -fopenmp sgemm.cpp -ldnnl
#include <dnnl.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

template <class Work>
double seconds_of(const Work& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3 && std::strcmp(argv[1], "read") == 0) {
        omp_set_num_threads(std::atoi(argv[2]));
        const std::vector<double> data(std::size_t{1} << 27, 1.0);  // 1 GiB
        double sum = 0;
        double seconds = 1e300;
        for (int pass = 0; pass < 5; ++pass)
            seconds = std::min(seconds, seconds_of([&] {
                                   double total = 0;
#pragma omp parallel for simd reduction(+ : total)
                                   for (std::size_t i = 0; i < data.size(); ++i) total += data[i];
                                   sum += total;
                               }));
        std::printf("%.0f\n", sum > 0 ? static_cast<double>(data.size() * sizeof(double)) / seconds : 0);
        return 0;
    }
    if (argc != 5) return 2;
    const long n = std::atol(argv[1]), k = std::atol(argv[2]), d = std::atol(argv[3]);
    omp_set_num_threads(std::atoi(argv[4]));
    const std::vector<float> x(static_cast<std::size_t>(n * d), 0.5f), c(static_cast<std::size_t>(k * d), 0.25f);
    std::vector<float> products(static_cast<std::size_t>(n * k));
    const auto multiply = [&] {
        dnnl_sgemm('N', 'T', n, k, d, 1.0f, x.data(), d, c.data(), d, 0.0f, products.data(), k);
    };
    multiply();
    constexpr int calls = 8;
    std::printf("%.9f\n", seconds_of([&] {
        for (int call = 0; call < calls; ++call) multiply();
    }) / calls);
}
