#include "base/kept_memory.h"

#include <sys/types.h>

#include <cstddef>
#include <mutex>
#include <string>

// jemalloc's, where a program is linked with it.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old, std::size_t* old_size, void* value, std::size_t value_size);

namespace kohort::base {
namespace {

constexpr ssize_t forever = -1;

std::mutex mutex;
int living = 0;

// In milliseconds; as MALLOC_CONF has it.
ssize_t usual_time() {
    ssize_t time = 0;
    std::size_t size = sizeof time;
    if (mallctl) mallctl("opt.dirty_decay_ms", &time, &size, nullptr, 0);
    return time;
}

// Gives back what is free now. Arenas that no thread uses yet refuse, and take the time that holds for new ones when one does.
void keep_freed_pages(ssize_t time) {
    if (!mallctl) return;
    mallctl("arenas.dirty_decay_ms", nullptr, nullptr, &time, sizeof time);
    unsigned arenas = 0;
    std::size_t size = sizeof arenas;
    mallctl("arenas.narenas", &arenas, &size, nullptr, 0);
    for (unsigned arena = 0; arena < arenas; ++arena) {
        const std::string prefix = "arena." + std::to_string(arena) + ".";
        mallctl((prefix + "purge").c_str(), nullptr, nullptr, nullptr, 0);
        mallctl((prefix + "dirty_decay_ms").c_str(), nullptr, nullptr, &time, sizeof time);
    }
}

}  // namespace

KeptMemory::KeptMemory() {
    const std::lock_guard lock(mutex);
    if (living++ == 0) keep_freed_pages(forever);
}

KeptMemory::~KeptMemory() {
    const std::lock_guard lock(mutex);
    if (--living == 0) keep_freed_pages(usual_time());
}

}  // namespace kohort::base
