// verify (run_folder.h): reads every result file again and compares it with the lists in checksum/.
#include <algorithm>
#include <map>
#include <set>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "parallel/collectives.h"
#include "store/checksum_list.h"
#include "store/manifest.h"
#include "store/one_failure.h"
#include "store/packed_texts.h"
#include "store/run_folder.h"

namespace kohort::store {
namespace {

// DESIGN.md, section 1: what a digest covers. Everything else in the folder may differ between equal runs.
const std::vector<std::string> covered_folders{"corpus", "model", "embedding", "segment"};

bool covered_at_top(const std::string& name) {
    return name == "kohort.h5" || name == "report.html" || name.ends_with(".csv");
}

struct Plan {
    Manifest manifest;
    std::map<std::string, FileList> lists;  // by stage
    std::vector<std::string> problems;      // found before any file was read
    std::vector<std::string> files;         // all that is listed, each once
};

std::set<std::string> files_on_disk(const std::filesystem::path& run) {
    std::set<std::string> found;
    std::error_code ignored;
    for (const auto& folder : covered_folders)
        for (const auto& entry : std::filesystem::recursive_directory_iterator(run / folder, ignored))
            if (!entry.is_directory()) found.insert(entry.path().lexically_relative(run).generic_string());
    for (const auto& entry : std::filesystem::directory_iterator(run, ignored))
        if (!entry.is_directory() && covered_at_top(entry.path().filename().string()))
            found.insert(entry.path().filename().string());
    return found;
}

bool belongs_to(const StageRecord& record, const std::string& file) {
    return std::any_of(record.folders.begin(), record.folders.end(), [&](const std::string& folder) {
        if (folder.empty() || folder == ".") return file.find('/') == std::string::npos;
        return file.starts_with(folder + "/");
    });
}

Plan make_plan(const std::filesystem::path& run) {
    Plan plan;
    const auto manifest_path = run / "run.json";
    std::error_code ignored;
    if (!std::filesystem::exists(manifest_path, ignored))
        base::fail(base::ErrorKind::input, "{} is not the folder of a run: it holds no run.json",
                   run.string());
    plan.manifest = parse_manifest(base::read_file(manifest_path), manifest_path);

    std::set<std::string> listed;
    for (const auto& record : plan.manifest.stages) {
        if (!record.complete) {
            plan.problems.push_back(fmt::format("stage {}: not complete", record.stage));
            continue;
        }
        const auto path = list_path(run, record.stage);
        const auto name = path.lexically_relative(run).generic_string();
        auto& list = plan.lists[record.stage];
        try {
            const auto text = base::read_file(path);
            if (base::sha256_hex(text) != record.digest)
                plan.problems.push_back(name + ": content has changed");
            list = parse_list(text, path);
        } catch (const base::Error& error) {
            plan.problems.push_back(fmt::format("{}: {}", name, error.what()));
        }
        for (const auto& [file, sha256] : list) listed.insert(file);
    }
    plan.files.assign(listed.begin(), listed.end());
    for (const auto& file : files_on_disk(run)) {
        const bool unfinished =
            std::any_of(plan.manifest.stages.begin(), plan.manifest.stages.end(),
                        [&](const auto& record) { return !record.complete && belongs_to(record, file); });
        if (!listed.contains(file) && !unfinished) plan.problems.push_back(file + ": in no stage's list");
    }
    return plan;
}

StageDigest digest_of(const std::string& stage, const FileList& list,
                      const std::map<std::string, FileState>& states) {
    StageDigest digest;
    digest.stage = stage;
    FileList found;  // the list as it would be written from the files that are here
    for (const auto& [file, sha256] : list) {
        const auto& state = states.at(file);
        if (state.sha256.empty()) continue;
        found.emplace(file, state.sha256);
        digest.bytes += state.bytes;
    }
    digest.files = static_cast<std::int64_t>(found.size());
    digest.digest = base::sha256_hex(to_text(found));
    return digest;
}

std::string total_of(std::vector<StageDigest> stages) {
    std::sort(stages.begin(), stages.end(), [](const auto& a, const auto& b) { return a.stage < b.stage; });
    std::string text;
    for (const auto& stage : stages) text.append(stage.stage).append(" ").append(stage.digest).append("\n");
    return base::sha256_hex(text);
}

Verification compare(const Plan& plan, const std::map<std::string, FileState>& states) {
    Verification verification;
    verification.problems = plan.problems;
    for (const auto& record : plan.manifest.stages) {
        const auto list = plan.lists.find(record.stage);
        if (list == plan.lists.end()) continue;
        verification.stages.push_back(digest_of(record.stage, list->second, states));
        for (const auto& [file, sha256] : list->second) {
            const auto& state = states.at(file);
            if (state.missing)
                verification.problems.push_back(file + ": missing");
            else if (!state.problem.empty())
                verification.problems.push_back(file + ": " + state.problem);
            else if (state.sha256 != sha256)
                verification.problems.push_back(file + ": content has changed");
        }
    }
    verification.total = total_of(verification.stages);
    std::sort(verification.problems.begin(), verification.problems.end());
    return verification;
}

std::string pack(const Verification& verification) {
    std::string packed;
    append_text(packed, verification.total);
    append_text(packed, std::to_string(verification.stages.size()));
    for (const auto& stage : verification.stages) {
        append_text(packed, stage.stage);
        append_text(packed, stage.digest);
        append_text(packed, std::to_string(stage.files));
        append_text(packed, std::to_string(stage.bytes));
    }
    return packed + pack_texts(verification.problems);
}

Verification unpack(std::string_view packed) {
    Verification verification;
    verification.total = take_text(packed);
    verification.stages.resize(std::stoull(take_text(packed)));
    for (auto& stage : verification.stages) {
        stage.stage = take_text(packed);
        stage.digest = take_text(packed);
        stage.files = std::stoll(take_text(packed));
        stage.bytes = std::stoll(take_text(packed));
    }
    verification.problems = unpack_texts(packed);
    return verification;
}

}  // namespace

Verification verify(parallel::Communicator& comm, const std::filesystem::path& run) {
    Plan plan;
    on_root(comm, [&] { plan = make_plan(run); });
    auto packed = pack_texts(plan.files);
    parallel::broadcast_resized(comm, packed);
    const auto files = unpack_texts(packed);
    const auto answers = hash_files(comm, run, files);

    std::string result;
    on_root(comm, [&] {
        std::map<std::string, FileState> states;
        for (std::size_t i = 0; i < files.size(); ++i) states.emplace(files[i], answers[i]);
        result = pack(compare(plan, states));
    });
    parallel::broadcast_resized(comm, result);
    return unpack(result);
}

}  // namespace kohort::store
