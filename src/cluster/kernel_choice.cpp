#include "cluster/kernel_choice.h"

#include <algorithm>
#include <array>

#include "base/amx.h"
#include "base/error.h"

namespace kohort::cluster {
namespace {

// Rounding a row and its list cost about as much as twenty centroids do.
constexpr std::int64_t worthwhile_clusters = 32;

struct KernelEntry {
    Kernel kernel;
    std::string_view name;
};
constexpr std::array<KernelEntry, 6> kernel_names = {{{Kernel::automatic, "auto"},
                                                      {Kernel::scalar, "scalar"},
                                                      {Kernel::portable, "portable"},
                                                      {Kernel::avx2, "avx2"},
                                                      {Kernel::avx512, "avx512"},
                                                      {Kernel::amx, "amx"}}};

bool machine_has(Kernel kernel) {
#if defined(__x86_64__)
    if (kernel == Kernel::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (kernel == Kernel::amx)
        return machine_has(Kernel::avx512) && machine_has(CoarseFormat::bf16) && machine_has(CoarseFormat::int8) && base::amx_usable();
    if (kernel == Kernel::avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
#else
    if (kernel == Kernel::avx2 || kernel == Kernel::avx512 || kernel == Kernel::amx) return false;
#endif
    return true;
}

}  // namespace

Kernel parse_kernel(std::string_view name) {
    for (const auto& entry : kernel_names)
        if (entry.name == name) return entry.kernel;
    base::fail(base::ErrorKind::usage, "unknown kernel '{}': use auto, scalar, portable, avx2, avx512 or amx", name);
}

std::string_view kernel_name(Kernel kernel) {
    return std::ranges::find(kernel_names, kernel, &KernelEntry::kernel)->name;
}

Kernel resolve_kernel(Kernel kernel) {
    if (kernel == Kernel::automatic) {
        for (const Kernel best : {Kernel::amx, Kernel::avx512, Kernel::avx2})
            if (machine_has(best)) return best;
        return Kernel::portable;
    }
    if (!machine_has(kernel))
        base::fail(base::ErrorKind::environment, "this machine cannot run the kernel {}; use --kernel auto",
                   kernel_name(kernel));
    return kernel;
}

PrefilterChoice parse_prefilter(std::string_view name) {
    if (name == "off") return PrefilterChoice::off;
    if (name == "bf16") return PrefilterChoice::bf16;
    if (name == "int8") return PrefilterChoice::int8;
    if (name == "auto") return PrefilterChoice::automatic;
    base::fail(base::ErrorKind::usage, "unknown prefilter '{}': use off, bf16, int8 or auto", name);
}

std::optional<CoarseFormat> resolve_prefilter(PrefilterChoice choice, Kernel kernel, std::int64_t clusters) {
    if (choice == PrefilterChoice::off) return {};
    const Kernel resolved = resolve_kernel(kernel);
    const bool kernel_has_it = resolved == Kernel::avx512 || resolved == Kernel::amx;
    if (choice == PrefilterChoice::automatic) {
        if (!kernel_has_it || clusters < worthwhile_clusters) return {};
        // In tiles bfloat16's products cost next to nothing, and its bounds are far tighter.
        if (resolved == Kernel::amx) return CoarseFormat::bf16;
        for (const CoarseFormat faster : {CoarseFormat::int8, CoarseFormat::bf16})
            if (machine_has(faster)) return faster;
        return {};
    }
    const CoarseFormat format = choice == PrefilterChoice::bf16 ? CoarseFormat::bf16 : CoarseFormat::int8;
    if (!machine_has(format))
        base::fail(base::ErrorKind::environment, "this machine cannot multiply {} numbers; use --prefilter auto",
                   format_name(format));
    if (!kernel_has_it)
        base::fail(base::ErrorKind::environment, "the prefilter {} works with the kernels avx512 and amx only; use --kernel auto",
                   format_name(format));
    return format;
}

}  // namespace kohort::cluster
