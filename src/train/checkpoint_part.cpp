#include "train/checkpoint_part.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <system_error>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"

namespace kohort::train {
namespace {

// A file: this line, then for each of the manifest's vectors its elements as little-endian fp32.
constexpr std::string_view magic = "kohort part 1\n";
constexpr std::int64_t piece_elements = std::int64_t{1} << 20;

std::string_view bytes_of(const torch::Tensor& host) {
    return {reinterpret_cast<const char*>(host.data_ptr<float>()), static_cast<std::size_t>(host.numel()) * sizeof(float)};
}

}  // namespace

PartWriter::PartWriter(std::filesystem::path path, const TrainingState& state, const parallel::Range& share) : path_(std::move(path)) {
    for (const StateVector& vector : state.vectors) {
        copies_.push_back(torch::empty({share.last - share.first}, torch::kFloat));
        vector.values.read(share.first - vector.elements.first, copies_.back());
    }
    thread_ = std::thread([this] {
        try {
            write();
        } catch (...) {
            failure_ = std::current_exception();
        }
        done_ = true;
    });
}

PartWriter::~PartWriter() {
    given_up_ = true;
    if (thread_.joinable()) thread_.join();
}

void PartWriter::write() {
    base::AtomicFile file(path_);
    base::Sha256 hash;
    const auto put = [&](std::string_view bytes) {
        file.write(bytes);
        hash.update(bytes);
        written_.bytes += std::ssize(bytes);
    };
    put(magic);
    for (torch::Tensor& copy : copies_) {
        for (std::int64_t begin = 0; begin < copy.numel(); begin += piece_elements) {
            if (given_up_) return;
            put(bytes_of(copy.slice(0, begin, std::min(begin + piece_elements, copy.numel()))));
        }
        copy.reset();
    }
    written_.sha256 = hash.hex();
    file.commit();
}

PartWriter::Written PartWriter::finish(const std::function<void()>& breathe) {
    while (!done_) {
        breathe();
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
    return written_;
}

std::string fault_of_part(const std::filesystem::path& folder, const CheckpointManifest::Part& part,
                          const std::function<void()>& breathe) {
    std::error_code error;
    const auto size = std::filesystem::file_size(folder / part.file, error);
    if (error) return "is missing";
    if (static_cast<std::int64_t>(size) != part.bytes) return fmt::format("has {} bytes instead of {}", size, part.bytes);
    try {
        return base::sha256_file(folder / part.file, breathe) == part.sha256 ? "" : "has another SHA-256";
    } catch (const base::Error&) {
        return "cannot be read";
    }
}

void read_part(const std::filesystem::path& folder, const CheckpointManifest& manifest, const CheckpointManifest::Part& part,
               const TrainingState& state, const std::function<void()>& breathe) {
    std::ifstream file(folder / part.file, std::ios::binary);
    const std::int64_t length = part.elements.last - part.elements.first;
    auto piece = torch::empty({std::min(piece_elements, length)}, torch::kFloat);
    for (const StateVector& vector : state.vectors) {
        const std::int64_t place = std::find(manifest.vectors.begin(), manifest.vectors.end(), vector.name) - manifest.vectors.begin();
        const std::int64_t first = std::max(part.elements.first, vector.elements.first), last = std::min(part.elements.last, vector.elements.last);
        for (std::int64_t begin = first; begin < last; begin += piece_elements) {
            breathe();
            const auto values = piece.slice(0, 0, std::min(piece_elements, last - begin));
            const std::int64_t before = place * length + begin - part.elements.first;
            file.seekg(std::ssize(magic) + before * static_cast<std::int64_t>(sizeof(float)));
            file.read(reinterpret_cast<char*>(values.data_ptr<float>()), values.numel() * static_cast<std::int64_t>(sizeof(float)));
            if (!file) base::fail(base::ErrorKind::environment, "cannot read the checkpoint's file {}", (folder / part.file).string());
            vector.values.write(begin - vector.elements.first, values);
        }
    }
}

}  // namespace kohort::train
