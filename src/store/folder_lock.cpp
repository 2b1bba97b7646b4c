#include "store/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/error.h"

namespace kohort::store {
namespace {

constexpr auto patience = std::chrono::seconds(3);

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder) {
    descriptor_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor_ < 0) base::fail_errno("open the folder " + folder.string());
    const auto end = std::chrono::steady_clock::now() + patience;
    while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return;  // no locks here
        if (std::chrono::steady_clock::now() >= end) {
            ::close(descriptor_);
            base::fail(base::ErrorKind::environment,
                       "another job is writing to {}: wait for its end, or choose another --out",
                       folder.string());
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

FolderLock::~FolderLock() {
    ::close(descriptor_);
}

}  // namespace kohort::store
