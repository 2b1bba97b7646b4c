#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/hash.h"

namespace kohort::base {
namespace {

void sync_descriptor(int descriptor, const std::filesystem::path& path) {
    if (::fsync(descriptor) != 0) fail_errno("flush " + path.string());
}

void sync_folder_of(const std::filesystem::path& path) {
    auto folder = path.parent_path();
    if (folder.empty()) folder = ".";
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) fail_errno("open the folder " + folder.string());
    // Some network file systems cannot sync a folder; the rename itself is still atomic there.
    ::fsync(descriptor);
    ::close(descriptor);
}

void write_fully(int descriptor, std::string_view bytes, std::int64_t offset, const std::filesystem::path& path) {
    while (!bytes.empty()) {
        const ssize_t done = offset < 0 ? ::write(descriptor, bytes.data(), bytes.size())
                                        : ::pwrite(descriptor, bytes.data(), bytes.size(), offset);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) fail_errno("write " + path.string());
        bytes.remove_prefix(static_cast<std::size_t>(done));
        if (offset >= 0) offset += done;
    }
}

}  // namespace

std::filesystem::path temporary_name(const std::filesystem::path& path) {
    return path.parent_path() / ("." + path.filename().string() + ".tmp");
}

AtomicFile::AtomicFile(std::filesystem::path path, int mode) : path_(std::move(path)), temporary_(temporary_name(path_)) {
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (descriptor_ < 0) fail_errno("create " + path_.string());
}

AtomicFile::~AtomicFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) { write_fully(descriptor_, bytes, -1, path_); }

void AtomicFile::write_at(std::int64_t offset, std::string_view bytes) { write_fully(descriptor_, bytes, offset, path_); }

void AtomicFile::commit() {
    sync_descriptor(descriptor_, path_);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_errno("rename to " + path_.string());
    ::close(descriptor_);
    descriptor_ = -1;
    sync_folder_of(path_);
}

void commit_temporary(const std::filesystem::path& temporary, const std::filesystem::path& path) {
    const int descriptor = ::open(temporary.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail_errno("open " + temporary.string());
    const int result = ::fsync(descriptor);
    ::close(descriptor);
    if (result != 0) fail_errno("flush " + path.string());
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail_errno("rename to " + path.string());
    sync_folder_of(path);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes, int mode) {
    AtomicFile file(path, mode);
    file.write(bytes);
    file.commit();
}

std::string copy_file_atomically(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::ifstream stream(from, std::ios::binary);
    if (!stream) fail_errno("read " + from.string());
    AtomicFile file(to);
    Sha256 hash;
    std::string block(std::size_t{1} << 20, '\0');
    while (stream) {
        stream.read(block.data(), static_cast<std::streamsize>(block.size()));
        const std::string_view got(block.data(), static_cast<std::size_t>(stream.gcount()));
        file.write(got);
        hash.update(got);
    }
    if (stream.bad()) fail_errno("read " + from.string());
    file.commit();
    return hash.hex();
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) fail_errno("read " + path.string());
    std::ostringstream text;
    text << stream.rdbuf();
    if (stream.bad()) fail_errno("read " + path.string());
    return std::move(text).str();
}

void remove_temporaries(const std::filesystem::path& folder) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        const auto name = entry.path().filename().string();
        if (name.starts_with('.') && name.ends_with(".tmp")) std::filesystem::remove(entry.path(), ignored);
    }
}

}  // namespace kohort::base
