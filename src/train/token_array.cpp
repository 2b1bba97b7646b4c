#include "train/token_array.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/error.h"

namespace kohort::train {
namespace {

constexpr std::size_t piece = std::size_t{1} << 20;  // ids that are written at once

std::string temporary_folder() {
    if (const char* given = std::getenv("TMPDIR"); given && *given) return given;
    // /tmp may lie in memory; /var/tmp does not.
    return ::access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp";
}

}  // namespace

struct TokenArray::File {
    std::string folder = temporary_folder();
    int descriptor = -1;
    std::int64_t bytes = 0;
    void* mapping = MAP_FAILED;

    File() {
        std::string name = folder + "/kohort-tokens.XXXXXX";
        descriptor = ::mkstemp(name.data());
        if (descriptor < 0) fail("make");
        ::unlink(name.c_str());  // it goes when it is closed, however this process ends
    }
    ~File() {
        if (mapping != MAP_FAILED) ::munmap(mapping, static_cast<std::size_t>(bytes));
        if (descriptor >= 0) ::close(descriptor);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    [[noreturn]] void fail(const char* action) const {
        base::fail(base::ErrorKind::environment,
                   "cannot {} a temporary file for token ids in {}: {}; TMPDIR names another folder", action, folder,
                   std::strerror(errno));
    }

    void write(std::span<const text::TokenId> ids) {
        const char* next = reinterpret_cast<const char*>(ids.data());
        auto left = ids.size_bytes();
        while (left > 0) {
            const auto written = ::write(descriptor, next, left);
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) fail("write");
            next += written;
            left -= static_cast<std::size_t>(written);
        }
        bytes += static_cast<std::int64_t>(ids.size_bytes());
    }

    void map() {
        if (bytes == 0) return;
        mapping = ::mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ, MAP_SHARED, descriptor, 0);
        if (mapping == MAP_FAILED) fail("map");
        ::madvise(mapping, static_cast<std::size_t>(bytes), MADV_RANDOM);  // samples come in no order
    }
};

TokenArray::TokenArray(std::int64_t memory) : memory_(memory) {}
TokenArray::~TokenArray() = default;
TokenArray::TokenArray(TokenArray&&) noexcept = default;

void TokenArray::append(std::span<const text::TokenId> ids) {
    offsets_.push_back(offsets_.back() + std::ssize(ids));
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    const bool much = offsets_.back() * static_cast<std::int64_t>(sizeof(text::TokenId)) > memory_;
    if (!much || (file_ && ids_.size() < piece)) return;
    if (!file_) file_ = std::make_unique<File>();
    file_->write(ids_);
    std::vector<text::TokenId>().swap(ids_);
}

void TokenArray::finish() {
    if (!file_) {
        ids_.shrink_to_fit();
        return;
    }
    file_->write(ids_);
    std::vector<text::TokenId>().swap(ids_);
    file_->map();
}

std::span<const text::TokenId> TokenArray::text(std::int64_t index) const {
    const auto begin = offsets_.at(static_cast<std::size_t>(index)), end = offsets_.at(static_cast<std::size_t>(index) + 1);
    const auto* ids = file_ ? static_cast<const text::TokenId*>(file_->mapping) : ids_.data();
    return {ids + begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace kohort::train
