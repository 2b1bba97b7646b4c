#include "base/amx.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace kohort::base {

bool amx_usable() {
#if defined(__x86_64__) && defined(__linux__)
    static const bool usable = [] {
        constexpr unsigned bf16 = 1u << 22, tile = 1u << 24, int8 = 1u << 25, all = bf16 | tile | int8;
        unsigned a = 0, b = 0, c = 0, d = 0;
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & all) != all) return false;
        constexpr long request_permission = 0x1023, tile_data = 18;  // of arch_prctl(2), and what it calls the tiles' contents
        return ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
    }();
    return usable;
#else
    return false;
#endif
}

}  // namespace kohort::base
