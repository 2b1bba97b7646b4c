#include "report/shared_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <optional>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "parallel/collectives.h"

namespace kohort::report {
namespace {

void write_piece(const std::filesystem::path& path, std::int64_t offset, std::string_view bytes) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) base::fail_errno("open " + path.string());
    while (!bytes.empty()) {
        const auto done = ::pwrite(descriptor, bytes.data(), bytes.size(), offset);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) {
            ::close(descriptor);
            base::fail_errno("write " + path.string());
        }
        bytes.remove_prefix(static_cast<std::size_t>(done));
        offset += done;
    }
    const bool synced = ::fsync(descriptor) == 0;
    ::close(descriptor);
    if (!synced) base::fail_errno("flush " + path.string());
}

}  // namespace

std::string write_shared_file(parallel::Communicator& comm, const std::filesystem::path& path, const std::string& head,
                              const std::map<std::int32_t, std::string>& mine, std::int32_t pieces) {
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(pieces));
    for (const auto& [number, bytes] : mine) sizes[static_cast<std::size_t>(number)] = static_cast<std::int64_t>(bytes.size());
    parallel::all_reduce(comm, std::span(sizes), parallel::ReduceOperation::sum);
    std::int64_t offset = static_cast<std::int64_t>(head.size());
    parallel::broadcast(comm, std::span(&offset, 1));

    std::optional<base::AtomicFile> file;
    if (comm.is_root()) {
        file.emplace(path);
        file->write(head);
    }
    parallel::barrier(comm);  // the temporary file exists
    for (std::int32_t number = 0; number < pieces; ++number) {
        if (const auto found = mine.find(number); found != mine.end())
            write_piece(base::temporary_name(path), offset, found->second);
        offset += sizes[static_cast<std::size_t>(number)];
    }
    parallel::barrier(comm);  // every piece is written
    if (!comm.is_root()) return "";
    file->commit();
    return base::sha256_file(path);
}

}  // namespace kohort::report
