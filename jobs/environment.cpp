#include "environment.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "model/split_product.h"

namespace kohort::jobs {
namespace {

constexpr const char* marker = "KOHORT_NUMERIC_ENVIRONMENT";

std::string best_instruction_set() {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        return "avx512";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "avx2";
    return "baseline";
}

}  // namespace

void fix_numeric_environment(const std::string& isa, char** arguments) {
    const std::string best = best_instruction_set();
    const std::string level = isa == "auto" ? best : isa;
    if ((level == "avx512" && best != "avx512") || (level == "avx2" && best == "baseline"))
        base::fail(base::ErrorKind::environment, "--isa {}: this machine's processor ({}) has {} only", level,
                   processor_name(), best);
    const std::string asked_and_level = isa + "/" + level;
    if (const char* set = std::getenv(marker); set && asked_and_level == set) return;

    const auto put = [](const char* name, const char* value) { ::setenv(name, value, 1); };
    for (const char* name : {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"}) put(name, "1");
    put("MKL_DYNAMIC", "FALSE");            // MKL is the BLAS inside LibTorch's wheels
    put("CUBLAS_WORKSPACE_CONFIG", ":4096:8");  // its products then add in one order
    // A training step allocates and frees the same large tensors again and again: keep their pages.
    put("MALLOC_MMAP_THRESHOLD_", "33554432");
    put("MALLOC_TRIM_THRESHOLD_", "268435456");
    put("MALLOC_TOP_PAD_", "67108864");
    put("HDF5_USE_FILE_LOCKING", "FALSE");  // each file has one writer, and Lustre and GPFS often lack locks
    if (level == "avx512") {
        put("ATEN_CPU_CAPABILITY", "avx512");
        put("OPENBLAS_CORETYPE", "SKYLAKEX");
        put("ONEDNN_MAX_CPU_ISA", isa == "auto" ? "DEFAULT" : "AVX512_CORE");
        put("MKL_CBWR", "AVX512");
    } else if (level == "avx2") {
        put("ATEN_CPU_CAPABILITY", "avx2");
        put("OPENBLAS_CORETYPE", "HASWELL");
        put("ONEDNN_MAX_CPU_ISA", "AVX2");
        put("MKL_CBWR", "AVX2");
    } else {
        put("ATEN_CPU_CAPABILITY", "default");
        put("MKL_CBWR", "COMPATIBLE");
    }
    put(marker, asked_and_level.c_str());
    // By its own path, so that ps and top show the program's name and not "exe".
    std::error_code unknown;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", unknown);
    ::execv(unknown ? "/proc/self/exe" : program.c_str(), arguments);
    base::fail_errno("start the program again with a fixed numeric environment");
}

std::string instruction_set() {
    const char* set = std::getenv(marker);
    const std::string level = set ? std::string(set).substr(std::string_view(set).find('/') + 1) : best_instruction_set();
    return model::split_products_usable() ? level + " and tiles" : level;
}

std::string processor_name() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    return "unknown";
}

int usable_cores() {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    if (::sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;
    return CPU_COUNT(&mask);
}

int node_cores() { return static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN))); }

void widen_binding(int cores) {
    if (cores <= usable_cores()) return;
    cpu_set_t mask;
    CPU_ZERO(&mask);
    for (int core = 0; core < cores && core < CPU_SETSIZE; ++core) CPU_SET(static_cast<std::size_t>(core), &mask);
    // A cgroup may allow less: then the old binding stays, which costs speed but changes no result.
    ::sched_setaffinity(0, sizeof mask, &mask);
}

int launcher_rank() {
    for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID"})
        if (const char* rank = std::getenv(name)) return std::atoi(rank);
    return 0;
}

}  // namespace kohort::jobs
