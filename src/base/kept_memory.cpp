#include "base/kept_memory.h"

#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

// jemalloc's, where a program is linked with it.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old, std::size_t* old_size, void* value, std::size_t value_size);

namespace kohort::base {
namespace {

std::mutex mutex;
int living = 0;
std::map<std::string, ssize_t> before;  // of settings, in milliseconds

// Whether there was such a setting; where it stood goes to `old`.
bool change(const std::string& name, ssize_t time, ssize_t& old) {
    std::size_t size = sizeof old;
    return mallctl(name.c_str(), &old, &size, &time, sizeof time) == 0;
}

// Calls work(prefix of its settings) for each arena. Those that no thread uses yet have none, and take the time that holds for
// new ones when one does.
template <class Work>
void for_each_arena(Work&& work) {
    unsigned arenas = 0;
    std::size_t size = sizeof arenas;
    mallctl("arenas.narenas", &arenas, &size, nullptr, 0);
    for (unsigned arena = 0; arena < arenas; ++arena) work("arena." + std::to_string(arena) + ".");
}

void give_back() {
    for_each_arena([](const std::string& arena) { mallctl((arena + "purge").c_str(), nullptr, nullptr, nullptr, 0); });
}

// jemalloc makes the arena for such on first use, and lets it keep nothing.
void make_arena_of_large_ones() {
    constexpr std::size_t large = 16 << 20;
    void* memory = std::malloc(large);
    __asm__ volatile("" : : "r"(memory) : "memory");  // or nothing would be taken
    std::free(memory);
}

constexpr ssize_t forever = -1;

void keep() {
    if (!mallctl) return;
    make_arena_of_large_ones();
    give_back();
    const auto keep_all_of = [](const std::string& name) {
        ssize_t old = 0;
        if (change(name, forever, old)) before[name] = old;
    };
    keep_all_of("arenas.dirty_decay_ms");
    for_each_arena([&](const std::string& arena) { keep_all_of(arena + "dirty_decay_ms"); });
}

std::size_t number(const std::string& name) {
    std::size_t value = 0, size = sizeof value;
    mallctl(name.c_str(), &value, &size, nullptr, 0);
    return value;
}

// An arena that came meanwhile has from now on the time that new ones have.
void keep_no_longer() {
    if (!mallctl) return;
    const ssize_t of_new_ones = before["arenas.dirty_decay_ms"];
    ssize_t old = 0;
    change("arenas.dirty_decay_ms", of_new_ones, old);
    for_each_arena([&](const std::string& arena) {
        const auto found = before.find(arena + "dirty_decay_ms");
        change(arena + "dirty_decay_ms", found == before.end() ? of_new_ones : found->second, old);
    });
    before.clear();
    give_back();
}

}  // namespace

std::size_t kept_memory() {
    if (!mallctl) return 0;
    constexpr int all_arenas = 4096;  // MALLCTL_ARENAS_ALL
    std::uint64_t now = 1;
    mallctl("epoch", nullptr, nullptr, &now, sizeof now);
    return number("stats.arenas." + std::to_string(all_arenas) + ".pdirty") * number("arenas.page");
}

KeptMemory::KeptMemory() {
    const std::lock_guard lock(mutex);
    if (living++ == 0) keep();
}

KeptMemory::~KeptMemory() {
    const std::lock_guard lock(mutex);
    if (--living == 0) keep_no_longer();
}

void KeptMemory::bound(std::size_t allowance) {
    if (!mallctl) return;
    const std::size_t kept = kept_memory();
    if (of_one_step_ == 0) of_one_step_ = kept;
    if (kept <= of_one_step_ + std::max(allowance, of_one_step_ / 4)) return;
    give_back();
    of_one_step_ = 0;
}

}  // namespace kohort::base
