// Stage (run_folder.h): one stage's place in a run, from its key to its list of checksums.
#include <algorithm>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "parallel/collectives.h"
#include "store/checksum_list.h"
#include "store/one_failure.h"
#include "store/partition_file.h"
#include "store/run_folder_state.h"

namespace kohort::store {
namespace {

using base::ErrorKind;
using base::fail;

void check_relative_path(const std::string& path) {
    const std::filesystem::path parsed(path);
    if (path.empty() || path.find('\n') != std::string::npos || parsed.is_absolute() ||
        parsed.lexically_normal().generic_string() != path || path.starts_with(".."))
        fail(ErrorKind::internal, "\"{}\" is no plain path inside the run's folder", path);
}

void make_clean_folder(const std::filesystem::path& folder) {
    std::error_code problem;
    std::filesystem::create_directories(folder, problem);
    if (problem)
        fail(ErrorKind::environment, "cannot make the folder {}: {}", folder.string(), problem.message());
    base::remove_temporaries(folder);
}

bool holds_no_file(const std::filesystem::path& run, const StageRecord& record) {
    for (const auto& folder : record.folders) {
        if (folder.empty() || folder == ".") return false;
        std::error_code missing;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(run / folder, missing))
            if (entry.is_regular_file()) return false;
    }
    return true;
}

}  // namespace

Stage::Stage(parallel::Communicator& comm, RunFolder& run, const StageKey& key,
             std::vector<std::string> folders, OtherKey other)
    : comm_(comm), run_(run), key_(key) {
    auto& state = *run_.state_;
    const auto hash = key_.hash();
    bool recorded_complete = false;
    on_root(comm_, [&] {
        std::lock_guard lock(state.mutex);
        state.hold(run_.path());  // a run that was opened for reading gets a further stage
        auto* record = state.manifest.find(key_.stage());
        if (record && record->key != hash && !record->complete && holds_no_file(run_.path(), *record)) {
            // Nothing was made of the other input, which may have been refused.
            std::erase_if(state.manifest.stages, [&](const auto& stage) { return stage.stage == key_.stage(); });
            record = nullptr;
        }
        if (record && record->key != hash && other == OtherKey::replace) {
            base::log_info("stage {} is made again: {}", key_.stage(), first_difference(record->inputs, key_.inputs()));
            std::erase_if(state.manifest.stages, [&](const auto& stage) { return stage.stage == key_.stage(); });
            std::filesystem::remove(list_path(run_.path(), key_.stage()));
            record = nullptr;
        }
        if (record && record->key != hash)
            fail(ErrorKind::usage,
                 "{} holds the stage {} made from other input: {}; give what was given then{}, or choose "
                 "another --out",
                 run_.path().string(), key_.stage(), first_difference(record->inputs, key_.inputs()),
                 record->complete || folders.empty() || folders[0] == "."
                     ? ""
                     : fmt::format(", or, as it is not finished, remove {} and what it left in checkpoint/ to begin anew", (run_.path() / folders[0]).string()));
        for (const auto& folder : folders) make_clean_folder(run_.path() / folder);
        make_clean_folder(run_.path() / "checksum");
        if (!record) {
            state.manifest.stages.push_back({key_.stage(), hash, key_.inputs(), folders, false, 0, ""});
            state.save(run_.path());
        }
        recorded_complete = record && record->complete;
    });
    int complete = recorded_complete ? 1 : 0;
    parallel::broadcast(comm_, std::span(&complete, 1));
    if (complete != 0) check_finished_files();
}

// Reads every file of a complete stage again. A damaged one is refused; where one was removed (which is what
// the message for a damaged one asks for) the stage is open again, and the files that are left can be reused.
void Stage::check_finished_files() {
    const auto path = list_path(run_.path(), key_.stage());
    std::string text;
    int has_list = 0;
    on_root(comm_, [&] {
        std::error_code ignored;
        if (!std::filesystem::exists(path, ignored)) return;
        has_list = 1;
        text = base::read_file(path);
        std::lock_guard lock(run_.state_->mutex);
        if (base::sha256_hex(text) != run_.state_->manifest.find(key_.stage())->digest)
            fail(ErrorKind::environment,
                 "{} has changed since it was written: remove it and run again with --resume", path.string());
    });
    parallel::broadcast(comm_, std::span(&has_list, 1));
    parallel::broadcast_resized(comm_, text);
    const auto listed = parse_list(text, path);
    std::vector<std::string> names;
    for (const auto& [name, sha256] : listed) names.push_back(name);
    std::int64_t read_here = 0;
    const auto states = hash_files(comm_, run_.path(), names, &read_here);

    std::vector<std::string> damaged, missing;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (states[i].missing)
            missing.push_back(names[i]);
        else if (states[i].sha256 != listed.at(names[i]))
            damaged.push_back(names[i]);
        else
            intact_.emplace(names[i], states[i].sha256);
    }
    complete_ = has_list != 0 && missing.empty();
    on_root(comm_, [&] {
        if (!damaged.empty())
            fail(ErrorKind::environment,
                 "{} has changed since it was written{}: remove it and run again with --resume, and it will "
                 "be made again",
                 (run_.path() / damaged[0]).string(),
                 damaged.size() > 1 ? fmt::format(" (and {} more files)", damaged.size() - 1) : "");
        if (complete_) return;
        base::log_warning("stage {} is open again: {} gone", key_.stage(),
                          has_list == 0
                              ? path.string() + " is"
                              : fmt::format("{} of its {} files are", missing.size(), names.size()));
        std::lock_guard lock(run_.state_->mutex);
        run_.state_->manifest.find(key_.stage())->complete = false;
        run_.state_->save(run_.path());
    });
    if (!complete_) return;
    reused_ = read_here;
    if (comm_.is_root())
        base::log_info("stage {}: complete already, its {} files are unchanged", key_.stage(), names.size());
}

bool Stage::complete() const {
    return complete_;
}

bool Stage::reusable(const std::string& relative_path) {
    check_relative_path(relative_path);
    const auto path = run_.path() / relative_path;
    std::string sha256;
    if (const auto known = intact_.find(relative_path); known != intact_.end()) {
        sha256 = known->second;
    } else {
        std::error_code ignored;
        if (path.extension() != ".h5" || !std::filesystem::exists(path, ignored)) return false;
        try {
            const PartitionReader reader(path);
            if (reader.stage() != key_.stage() || reader.key() != key_.hash())
                fail(ErrorKind::usage,
                     "{} was made from other options than those of this run: remove it, or choose another "
                     "--out",
                     path.string());
            reader.check_all();
        } catch (const base::Error& error) {
            if (error.kind() != ErrorKind::environment) throw;
            base::log_warning("{}; it will be made again", error.what());
            return false;
        }
        sha256 = base::sha256_file(path);
    }
    std::lock_guard lock(mutex_);
    files_[relative_path] = sha256;
    ++reused_;
    return true;
}

void Stage::add(const std::string& relative_path, const std::string& sha256) {
    check_relative_path(relative_path);
    std::lock_guard lock(mutex_);
    files_[relative_path] = sha256;
}

void Stage::finish() {
    const auto mine = to_text(files_);
    std::vector<std::int64_t> counts;
    const auto all = parallel::gather(comm_, std::span<const char>(mine), 0, &counts);
    on_root(comm_, [&] {
        const auto path = list_path(run_.path(), key_.stage());
        FileList files;
        std::string_view rest(all.data(), all.size());
        for (const auto count : counts) {
            for (const auto& [name, sha256] :
                 parse_list(rest.substr(0, static_cast<std::size_t>(count)), path))
                if (const auto [known, inserted] = files.emplace(name, sha256);
                    !inserted && known->second != sha256)
                    fail(ErrorKind::internal, "two ranks wrote {} with different content", name);
            rest.remove_prefix(static_cast<std::size_t>(count));
        }
        const auto text = to_text(files);
        const auto digest = base::sha256_hex(text);
        std::lock_guard lock(run_.state_->mutex);
        auto& record = *run_.state_->manifest.find(key_.stage());
        if (!record.digest.empty() && record.digest != digest)
            fail(ErrorKind::internal,
                 "stage {} was made again from the same key, and its files differ from before: start again "
                 "with another --out",
                 key_.stage());
        base::write_file_atomically(path, text);
        record.complete = true;
        record.files = static_cast<std::int64_t>(files.size());
        record.digest = digest;
        run_.state_->save(run_.path());
    });
    complete_ = true;
    const auto kept = parallel::all_sum(comm_, reused_);
    if (kept > 0)
        base::log_info("stage {}: {} of its files are kept from an earlier run", key_.stage(), kept);
}

std::int64_t Stage::reused() const {
    return reused_;
}

}  // namespace kohort::store
