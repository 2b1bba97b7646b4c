#include "corpus/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace kohort::corpus {
namespace {

using base::ErrorKind;

class FileDescriptor {
  public:
    explicit FileDescriptor(const std::filesystem::path& path) : path_(path) {
        descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (descriptor_ < 0) base::fail(ErrorKind::input, "cannot open {}: {}", path.string(), std::strerror(errno));
    }
    ~FileDescriptor() { ::close(descriptor_); }
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;

    std::int64_t read(std::int64_t offset, std::span<char> into) const {
        std::size_t done = 0;
        while (done < into.size()) {
            const ssize_t got = ::pread(descriptor_, into.data() + done, into.size() - done,
                                        offset + static_cast<std::int64_t>(done));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) base::fail_errno("read " + path_.string());
            if (got == 0) break;
            done += static_cast<std::size_t>(got);
        }
        return static_cast<std::int64_t>(done);
    }

    std::int64_t size() const {
        struct stat status;
        if (::fstat(descriptor_, &status) != 0) base::fail_errno("look at " + path_.string());
        return status.st_size;
    }

    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
    int descriptor_;
};

class PlainSource : public ByteSource {
  public:
    explicit PlainSource(const std::filesystem::path& path) : file_(path), size_(file_.size()) {}

    std::int64_t read_at(std::int64_t offset, std::span<char> into) override {
        const auto got = file_.read(offset, into);
        bytes_read_ += got;
        return got;
    }
    std::optional<std::int64_t> size() const override { return size_; }

  private:
    FileDescriptor file_;
    std::int64_t size_;
};

// Common to the compressed kinds: compressed pieces come from the file, and a position in the decompressed bytes
// only moves forward until a read asks for something behind it.
class CompressedSource : public ByteSource {
  public:
    explicit CompressedSource(const std::filesystem::path& path) : file_(path), compressed_(std::size_t{1} << 18) {}

    std::optional<std::int64_t> size() const override { return std::nullopt; }

    std::int64_t read_at(std::int64_t offset, std::span<char> into) override {
        if (offset < position_) {
            restart();
            position_ = file_offset_ = 0;
            waiting_ = {};
        }
        std::vector<char> skipped;
        while (position_ < offset) {
            skipped.resize(static_cast<std::size_t>(std::min<std::int64_t>(offset - position_, 1 << 18)));
            const auto got = decompress(skipped);
            if (got == 0) return 0;
            position_ += got;
        }
        std::int64_t done = 0;
        while (done < static_cast<std::int64_t>(into.size())) {
            const auto got = decompress(into.subspan(static_cast<std::size_t>(done)));
            if (got == 0) break;
            done += got;
        }
        position_ += done;
        return done;
    }

  protected:
    virtual void restart() = 0;
    // At least one byte into `into`, or 0 at the end of the input.
    virtual std::int64_t decompress(std::span<char> into) = 0;

    // Compressed bytes not consumed yet; empty at the end of the file.
    std::span<const char> waiting() {
        if (waiting_.empty()) {
            const auto got = file_.read(file_offset_, compressed_);
            file_offset_ += got;
            bytes_read_ += got;
            waiting_ = {compressed_.data(), static_cast<std::size_t>(got)};
        }
        return waiting_;
    }
    void consume(std::size_t bytes) { waiting_ = waiting_.subspan(bytes); }

    [[noreturn]] void fail_damaged(const char* kind) const {
        base::fail(ErrorKind::input, "{} is not a complete {} file: it is damaged after {} decompressed bytes",
                   file_.path().string(), kind, position_);
    }

  private:
    FileDescriptor file_;
    std::vector<char> compressed_;
    std::span<const char> waiting_;
    std::int64_t file_offset_ = 0, position_ = 0;
};

class GzipSource : public CompressedSource {
  public:
    explicit GzipSource(const std::filesystem::path& path) : CompressedSource(path) {
        constexpr int any_window_with_gzip_header = 15 + 16;
        if (::inflateInit2(&stream_, any_window_with_gzip_header) != Z_OK)
            base::fail(ErrorKind::environment, "zlib cannot be started");
    }
    ~GzipSource() override { ::inflateEnd(&stream_); }

  protected:
    void restart() override {
        ::inflateReset(&stream_);
        inside_ = false;
    }

    std::int64_t decompress(std::span<char> into) override {
        for (;;) {
            const auto input = waiting();
            if (input.empty()) {
                if (inside_) fail_damaged("gzip");
                return 0;
            }
            inside_ = true;
            stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
            stream_.avail_in = static_cast<uInt>(input.size());
            stream_.next_out = reinterpret_cast<Bytef*>(into.data());
            stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(into.size(), std::size_t{1} << 30));
            const auto room = stream_.avail_out;
            const int result = ::inflate(&stream_, Z_NO_FLUSH);
            consume(input.size() - stream_.avail_in);
            if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) fail_damaged("gzip");
            const auto got = static_cast<std::int64_t>(room - stream_.avail_out);
            if (result == Z_STREAM_END) {  // members may follow one another in one file
                ::inflateReset(&stream_);
                inside_ = false;
            }
            if (got > 0) return got;
        }
    }

  private:
    z_stream stream_{};
    bool inside_ = false;  // in the middle of a member
};

class ZstdSource : public CompressedSource {
  public:
    explicit ZstdSource(const std::filesystem::path& path) : CompressedSource(path), stream_(::ZSTD_createDStream(), &::ZSTD_freeDStream) {
        if (!stream_) base::fail(ErrorKind::environment, "zstd cannot be started");
    }

  protected:
    void restart() override {
        ::ZSTD_DCtx_reset(stream_.get(), ZSTD_reset_session_only);
        inside_ = false;
    }

    std::int64_t decompress(std::span<char> into) override {
        for (;;) {
            // A frame may still hold decompressed bytes back when all of its input is consumed.
            const auto given = waiting();
            if (given.empty() && !inside_) return 0;
            ZSTD_inBuffer input{given.data(), given.size(), 0};
            ZSTD_outBuffer output{into.data(), into.size(), 0};
            const std::size_t result = ::ZSTD_decompressStream(stream_.get(), &output, &input);
            if (::ZSTD_isError(result)) fail_damaged("zstd");
            consume(input.pos);
            inside_ = result != 0;
            if (output.pos > 0) return static_cast<std::int64_t>(output.pos);
            if (given.empty() && inside_) fail_damaged("zstd");
        }
    }

  private:
    std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream_;
    bool inside_ = false;  // in the middle of a frame
};

}  // namespace

Compression compression_of(const std::filesystem::path& path) {
    const auto extension = path.extension();
    if (extension == ".gz") return Compression::gzip;
    return extension == ".zst" ? Compression::zstd : Compression::none;
}

std::filesystem::path uncompressed_name(const std::filesystem::path& path) {
    return compression_of(path) == Compression::none ? path : std::filesystem::path(path).replace_extension();
}

std::unique_ptr<ByteSource> open_source(const std::filesystem::path& path) {
    switch (compression_of(path)) {
        case Compression::gzip: return std::make_unique<GzipSource>(path);
        case Compression::zstd: return std::make_unique<ZstdSource>(path);
        case Compression::none: break;
    }
    return std::make_unique<PlainSource>(path);
}

}  // namespace kohort::corpus
