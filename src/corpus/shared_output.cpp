#include "corpus/shared_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/atomic_file.h"
#include "base/error.h"
#include "parallel/collectives.h"

namespace kohort::corpus {

// The root owns the temporary file; the others write into it.
class SharedOutput::Writer {
  public:
    Writer(parallel::Communicator& comm, const std::filesystem::path& path, int mode) : path_(path) {
        if (comm.is_root()) file_.emplace(path, mode);
        parallel::barrier(comm);  // now it is there
        if (comm.is_root()) return;
        descriptor_ = ::open(base::temporary_name(path).c_str(), O_WRONLY | O_CLOEXEC);
        if (descriptor_ < 0) base::fail_errno("open " + path.string() + " for writing");
    }
    ~Writer() { close(); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    void write_at(std::int64_t offset, std::string_view bytes) {
        if (file_) return file_->write_at(offset, bytes);
        while (!bytes.empty()) {
            const ssize_t done = ::pwrite(descriptor_, bytes.data(), bytes.size(), offset);
            if (done < 0 && errno == EINTR) continue;
            if (done < 0) base::fail_errno("write " + path_.string());
            bytes.remove_prefix(static_cast<std::size_t>(done));
            offset += done;
        }
    }

    void finish_part() {
        if (descriptor_ >= 0 && ::fsync(descriptor_) != 0) base::fail_errno("flush " + path_.string());
        close();
    }
    void finish_file() {
        if (file_) file_->commit();
    }

  private:
    void close() {
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = -1;
    }

    std::filesystem::path path_;
    std::optional<base::AtomicFile> file_;
    int descriptor_ = -1;
};

SharedOutput::SharedOutput(parallel::Communicator& comm, std::filesystem::path path, int mode)
    : comm_(comm), writer_(std::make_unique<Writer>(comm, path, mode)) {}
SharedOutput::~SharedOutput() = default;

void SharedOutput::append(std::string_view part) {
    const auto bytes = static_cast<std::int64_t>(part.size());
    writer_->write_at(size_ + parallel::exclusive_sum(comm_, bytes), part);
    size_ += parallel::all_sum(comm_, bytes);
}

void SharedOutput::commit() {
    writer_->finish_part();
    parallel::barrier(comm_);  // all parts are on disk
    writer_->finish_file();
    parallel::barrier(comm_);  // the file is there under its name
}

}  // namespace kohort::corpus
