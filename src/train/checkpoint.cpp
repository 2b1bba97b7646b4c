#include "train/checkpoint.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
#include "parallel/collectives.h"
#include "parallel/heartbeat.h"
#include "train/loss_watch.h"

namespace kohort::train {
namespace {

constexpr std::string_view manifest_ending = ".checkpoint", part_mark = ".part-";

// Nothing where it is damaged or cannot be read.
std::optional<CheckpointManifest> read_manifest(const std::filesystem::path& path) {
    try {
        return parse_manifest(base::read_file(path));
    } catch (const base::Error&) {
        return {};
    }
}

std::string text_of(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

const char* what_then(const std::vector<std::filesystem::path>& left) {
    return left.empty() ? "there is none before it, and the training begins anew" : "the one before it is used";
}

}  // namespace

CheckpointFolder::CheckpointFolder(parallel::Communicator& comm, std::filesystem::path folder, std::string stage, std::string key,
                                   std::vector<parallel::Range> shares, std::int64_t keep)
    : comm_(comm), folder_(std::move(folder)), stage_(std::move(stage)), key_(std::move(key)), shares_(std::move(shares)),
      keep_(std::max<std::int64_t>(keep, 1)) {
    if (comm_.is_root()) {
        std::error_code error;
        std::filesystem::create_directories(folder_, error);
        if (error) base::fail(base::ErrorKind::environment, "cannot make the folder {}: {}", folder_.string(), error.message());
        base::remove_temporaries(folder_);
        remove_unnamed_parts();
    }
    parallel::barrier(comm_);  // nobody writes what rank 0 would take for a crash's leavings
}

std::filesystem::path CheckpointFolder::manifest_path(std::int64_t step) const {
    return folder_ / fmt::format("{}-{:012}{}", stage_, step, manifest_ending);
}

std::vector<std::filesystem::path> CheckpointFolder::files() const {
    std::vector<std::filesystem::path> result;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(stage_ + "-") && name.ends_with(manifest_ending)) result.push_back(entry.path());
    }
    std::sort(result.begin(), result.end());  // steps are written with leading zeros
    return result;
}

void CheckpointFolder::save(const TrainingState& state) {
    complete();
    next_ = {key_, state.progress, {}, {}, {}};
    for (const auto& [name, value] : state.parameters) next_.tensors.emplace_back(name, value.sizes().vec());
    for (const StateVector& vector : state.vectors) next_.vectors.push_back(vector.name);
    const std::string stem = manifest_path(state.progress.step).stem().string();
    for (int rank = 0; rank < comm_.size(); ++rank)
        next_.parts.push_back({fmt::format("{}{}{:05}-of-{:05}", stem, part_mark, rank, comm_.size()), "", 0,
                               shares_[static_cast<std::size_t>(rank)]});
    const auto& own = next_.parts[static_cast<std::size_t>(comm_.rank())];
    writer_ = std::make_unique<PartWriter>(folder_ / own.file, state, own.elements);
}

void CheckpointFolder::complete() {
    if (!writer_) return;
    const auto written = writer_->finish([&] {
        parallel::heartbeat();
        comm_.check_peers();
    });
    writer_.reset();
    const auto sizes = parallel::gather(comm_, std::span<const std::int64_t>(&written.bytes, 1));
    const auto digests = parallel::gather(comm_, std::span<const char>(written.sha256));
    if (comm_.is_root()) {
        const std::size_t digits = written.sha256.size();
        for (std::size_t rank = 0; rank < next_.parts.size(); ++rank) {
            next_.parts[rank].bytes = sizes[rank];
            next_.parts[rank].sha256.assign(digests.begin() + static_cast<std::ptrdiff_t>(rank * digits),
                                            digests.begin() + static_cast<std::ptrdiff_t>((rank + 1) * digits));
        }
        base::write_file_atomically(manifest_path(next_.progress.step), manifest_text(next_));
        remove_older(next_.progress.step);
    }
    parallel::barrier(comm_);  // nobody begins another part, which rank 0 would remove, and nobody leaves before
}

// Later ones than the newest were refused when this training went on from an earlier one.
void CheckpointFolder::remove_older(std::int64_t newest) {
    auto kept = files();
    const auto newest_path = manifest_path(newest);
    std::error_code ignored;
    while (!kept.empty() && kept.back() > newest_path) {
        std::filesystem::remove(kept.back(), ignored);
        kept.pop_back();
    }
    // Beside the last ones, the newest from before a loss could have begun to run away unseen, and the next one, which will be
    // that once it is old enough.
    const auto limit = manifest_path(std::max<std::int64_t>(newest - static_cast<std::int64_t>(LossWatch::window), 0));
    const auto next = static_cast<std::size_t>(std::ranges::upper_bound(kept, limit) - kept.begin());
    const std::size_t sound = next > 0 ? next - 1 : next;
    for (std::size_t i = 0; i + static_cast<std::size_t>(keep_) < kept.size(); ++i)
        if (i != sound && i != next) std::filesystem::remove(kept[i], ignored);
    remove_unnamed_parts();
}

// A part belongs to the manifest of its step, where there is one that names it. One that is damaged names none: its
// parts stay until it goes.
void CheckpointFolder::remove_unnamed_parts() {
    std::set<std::string> named, damaged;
    for (const auto& path : files()) {
        const auto manifest = read_manifest(path);
        if (!manifest) damaged.insert(path.stem().string());
        else for (const auto& part : manifest->parts) named.insert(part.file);
    }
    std::vector<std::filesystem::path> unnamed;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
        const std::string name = entry.path().filename().string();
        const auto mark = name.find(part_mark);
        if (!name.starts_with(stage_ + "-") || mark == std::string::npos) continue;
        if (!named.contains(name) && !damaged.contains(name.substr(0, mark))) unnamed.push_back(entry.path());
    }
    std::error_code ignored;
    for (const auto& path : unnamed) std::filesystem::remove(path, ignored);
}

// The newest candidate that can be read, as text; "" when there is none. It is taken off the list.
std::string CheckpointFolder::read_candidate(std::vector<std::filesystem::path>& candidates) const {
    while (!candidates.empty()) {
        const auto path = candidates.back();
        candidates.pop_back();
        if (const auto manifest = read_manifest(path)) return manifest_text(*manifest);
        if (of_another_version(base::read_file(path)))
            base::fail(base::ErrorKind::usage, "the checkpoint {} was written by another version of this program: go on with that one, or remove it to "
                       "begin anew", path.string());
        base::log_warning("the checkpoint {} is damaged; {}", path.string(), what_then(candidates));
    }
    return {};
}

// What is wrong with the parts, or "": each rank reads a few of them. Collective.
std::string CheckpointFolder::fault_of(const CheckpointManifest& manifest) {
    std::string fault;
    for (std::size_t p = 0; p < manifest.parts.size() && fault.empty(); ++p) {
        if (static_cast<int>(p % static_cast<std::size_t>(comm_.size())) != comm_.rank()) continue;
        const auto found = fault_of_part(folder_, manifest.parts[p], [&] {
            parallel::heartbeat();
            comm_.check_peers();
        });
        if (!found.empty()) fault = fmt::format("{} {}", manifest.parts[p].file, found);
    }
    const int first = parallel::all_min(comm_, fault.empty() ? comm_.size() : comm_.rank());
    if (first == comm_.size()) return {};
    parallel::broadcast_resized(comm_, fault, first);
    return fault;
}

void CheckpointFolder::check_same(const CheckpointManifest& manifest, const TrainingState& state) const {
    using base::ErrorKind;
    if (manifest.key != key_)
        base::fail(ErrorKind::usage,
                   "the checkpoints in {} are of another configuration or input; start in another --out, or remove them",
                   folder_.string());
    if (manifest.tensors.size() != state.parameters.size())
        base::fail(ErrorKind::usage, "the checkpoint in {} has {} tensors, this training {}", folder_.string(),
                   manifest.tensors.size(), state.parameters.size());
    for (std::size_t t = 0; t < manifest.tensors.size(); ++t) {
        const auto& [name, shape] = manifest.tensors[t];
        const auto& [own_name, own] = state.parameters[t];
        if (name != own_name || shape != own.sizes().vec())
            base::fail(ErrorKind::usage, "the checkpoint in {} has {} {} where this training has {} {}", folder_.string(), name,
                       text_of(shape), own_name, text_of(own.sizes().vec()));
    }
    for (const StateVector& vector : state.vectors)
        if (std::find(manifest.vectors.begin(), manifest.vectors.end(), vector.name) == manifest.vectors.end())
            base::fail(ErrorKind::usage, "the checkpoint in {} has no {}, which this training needs", folder_.string(), vector.name);
}

bool CheckpointFolder::load_newest(TrainingState& state) {
    std::vector<std::filesystem::path> candidates;
    if (comm_.is_root()) candidates = files();
    std::optional<CheckpointManifest> manifest;
    while (!manifest) {
        std::string text = comm_.is_root() ? read_candidate(candidates) : std::string();
        parallel::broadcast_resized(comm_, text);
        if (text.empty()) return false;
        manifest = parse_manifest(text);
        if (!manifest) base::fail(base::ErrorKind::internal, "a checkpoint in {} changed on its way to this rank", folder_.string());
        check_same(*manifest, state);
        const std::string fault = fault_of(*manifest);
        if (fault.empty()) break;
        if (comm_.is_root())
            base::log_warning("the checkpoint {} is damaged: {}; {}", manifest_path(manifest->progress.step).string(), fault,
                              what_then(candidates));
        manifest.reset();
    }
    for (const auto& part : manifest->parts)
        read_part(folder_, *manifest, part, state, [&] {
            parallel::heartbeat();
            comm_.check_peers();
        });
    state.progress = manifest->progress;
    return true;
}

}  // namespace kohort::train
