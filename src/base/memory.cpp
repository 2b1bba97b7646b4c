#include "base/memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace kohort::base {
namespace {

namespace fs = std::filesystem;

std::int64_t machine_memory() {
    std::ifstream file("/proc/meminfo");
    std::string name, unit;
    for (std::int64_t kibibytes = 0; file >> name >> kibibytes; std::getline(file, unit))
        if (name == "MemAvailable:") return kibibytes * 1024;
    return 0;
}

// What the group at `folder` leaves; "max", as a group without a limit has it, is no number.
std::int64_t left_in_group(const fs::path& folder) {
    std::int64_t limit = 0, used = 0;
    if (!(std::ifstream(folder / "memory.max") >> limit) || !(std::ifstream(folder / "memory.current") >> used))
        return std::numeric_limits<std::int64_t>::max();
    return std::max<std::int64_t>(limit - used, 0);
}

std::int64_t control_group_memory() {
    auto least = std::numeric_limits<std::int64_t>::max();
    std::ifstream file("/proc/self/cgroup");
    const fs::path root("/sys/fs/cgroup");
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("0::/")) continue;
        for (auto folder = root / line.substr(4); folder.string().size() > root.string().size(); folder = folder.parent_path())
            least = std::min(least, left_in_group(folder));
    }
    return least;
}

}  // namespace

std::int64_t peak_memory() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return std::int64_t{usage.ru_maxrss} * 1024;
}

std::int64_t available_memory() { return std::min(machine_memory(), control_group_memory()); }

}  // namespace kohort::base
