// RunFolder (run_folder.h): opening a run's folder, and the facts in its run.json.
#include "store/run_folder.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "parallel/collectives.h"
#include "store/one_failure.h"
#include "store/run_folder_state.h"

namespace kohort::store {
namespace {

using base::ErrorKind;
using base::fail;

constexpr const char* manifest_name = "run.json";
constexpr const char* probe_name =
    ".probe.tmp";  // named like any temporary file: a crash's is removed with the others
constexpr auto probe_patience = std::chrono::seconds(3);  // a network file system may show a new file late

std::string full_name(const std::filesystem::path& path) {
    return std::filesystem::absolute(path).lexically_normal().string();
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
    std::error_code problem;
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder, problem))
        names.push_back(entry.path().filename().string());
    if (problem) fail(ErrorKind::environment, "cannot list {}: {}", full_name(folder), problem.message());
    return names;
}

// A run that was killed before its first run.json may have begun these.
bool is_beginning(const std::string& name) {
    static const std::set<std::string> beginnings{"log", "metrics.jsonl", "trace", "checkpoint", "checksum"};
    return beginnings.contains(name) || (name.starts_with('.') && name.ends_with(".tmp"));
}

void check_before_opening(const std::filesystem::path& path, OpenMode mode) {
    std::error_code problem;
    const auto status = std::filesystem::status(path, problem);
    if (std::filesystem::exists(status) && !std::filesystem::is_directory(status))
        fail(ErrorKind::usage, "{} is not a folder: give another --out", full_name(path));
    const bool there = std::filesystem::exists(status);
    const bool recorded = std::filesystem::exists(path / manifest_name, problem);
    const auto names = there ? names_in(path) : std::vector<std::string>();
    if (mode == OpenMode::read && !recorded)
        fail(ErrorKind::input, "{} is not the folder of a run: it {}", full_name(path),
             there ? "holds no run.json" : "does not exist");
    if (mode == OpenMode::create && !names.empty())
        fail(ErrorKind::usage,
             "{} is not empty: go on with what is there by --resume, or choose another --out",
             full_name(path));
    if (mode == OpenMode::resume && !recorded && !std::all_of(names.begin(), names.end(), is_beginning))
        fail(ErrorKind::usage,
             "cannot resume in {}: it is not empty, and no run's folder (it holds no run.json); choose "
             "another --out",
             full_name(path));
}

void make_folder(const std::filesystem::path& path) {
    std::error_code problem;
    std::filesystem::create_directories(path, problem);
    if (problem)
        fail(ErrorKind::environment, "cannot make the folder {}: {}", full_name(path), problem.message());
}

bool sees_token(const std::filesystem::path& file, const std::string& token) {
    const auto end = std::chrono::steady_clock::now() + probe_patience;
    for (;;) {
        try {
            if (std::filesystem::exists(file) && base::read_file(file) == token) return true;
        } catch (const std::exception&) {
            // Seen but not yet readable: the next look decides.
        }
        if (std::chrono::steady_clock::now() >= end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

// Every rank must find rank 0's file at its own idea of the path.
void probe(parallel::Communicator& comm, const std::filesystem::path& folder, const std::string& file_name,
           std::string token) {
    parallel::broadcast_resized(comm, token);
    const int blind =
        parallel::all_min(comm, sees_token(folder / file_name, token) ? comm.size() : comm.rank());
    on_root(comm, [&] {
        if (blind < comm.size())
            fail(ErrorKind::environment,
                 "rank {} does not see the files that rank 0 writes to {}: the run's folder must be on a "
                 "file system that all nodes share",
                 blind, full_name(folder));
    });
}

void probe_by_new_file(parallel::Communicator& comm, const std::filesystem::path& folder) {
    std::string token;
    if (comm.is_root()) {
        token =
            fmt::format("{} {}\n", ::getpid(), std::chrono::steady_clock::now().time_since_epoch().count());
        base::write_file_atomically(folder / probe_name, token);
    }
    struct Removal {
        std::filesystem::path file;
        ~Removal() {
            std::error_code ignored;
            if (!file.empty()) std::filesystem::remove(file, ignored);
        }
    };
    const Removal removal{comm.is_root() ? folder / probe_name : std::filesystem::path()};
    probe(comm, folder, probe_name, token);
}

}  // namespace

void RunFolder::State::hold(const std::filesystem::path& run) {
    if (!lock) lock = std::make_unique<FolderLock>(run);
}

void RunFolder::State::save(const std::filesystem::path& run) const {
    base::write_file_atomically(run / manifest_name, to_json(manifest));
}

RunFolder::RunFolder(parallel::Communicator& comm, std::filesystem::path path, OpenMode mode)
    : path_(std::move(path)), state_(std::make_unique<State>()) {
    state_->root = comm.is_root();
    const auto manifest_path = path_ / manifest_name;
    std::string json;
    on_root(comm, [&] {
        check_before_opening(path_, mode);
        if (mode != OpenMode::read) {
            make_folder(path_);
            state_->hold(path_);
            base::remove_temporaries(path_);
        }
        if (!std::filesystem::exists(manifest_path)) return;
        json = base::read_file(manifest_path);
        parse_manifest(json, manifest_path);  // a bad one is refused here, once, before anybody goes on
    });
    if (mode == OpenMode::read)
        probe(comm, path_, manifest_name, json);
    else
        probe_by_new_file(comm, path_);
    parallel::broadcast_resized(comm, json);
    state_->resuming = !json.empty();
    if (state_->resuming) state_->manifest = parse_manifest(json, manifest_path);
    on_root(comm, [&] {
        if (!state_->resuming) state_->save(path_);
    });
}

RunFolder::~RunFolder() = default;

bool RunFolder::resuming() const {
    return state_->resuming;
}

void RunFolder::describe(const std::string& name, const std::string& value) {
    std::lock_guard lock(state_->mutex);
    auto& descriptions = state_->manifest.descriptions;
    const auto known = std::find_if(descriptions.begin(), descriptions.end(),
                                    [&](const auto& pair) { return pair.first == name; });
    if (known != descriptions.end() && known->second == value) return;
    if (known == descriptions.end())
        descriptions.emplace_back(name, value);
    else
        known->second = value;
    if (state_->root) state_->save(path_);
}

std::optional<std::string> RunFolder::description(const std::string& name) const {
    std::lock_guard lock(state_->mutex);
    for (const auto& [known, value] : state_->manifest.descriptions)
        if (known == name) return value;
    return std::nullopt;
}

std::optional<StageKey> RunFolder::recorded_key(const std::string& stage) const {
    std::lock_guard lock(state_->mutex);
    const auto* record = state_->manifest.find(stage);
    if (!record || !record->complete) return std::nullopt;
    StageKey key(stage);
    for (const auto& [name, value] : record->inputs) key.add(name, value);
    return key;
}

}  // namespace kohort::store
