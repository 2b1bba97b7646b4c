// A run's folder and its manifest (run.json): which stages are complete, from which options and inputs, and the
// SHA-256 of every result file, kept as one list a stage in checksum/STAGE.sha256 (sha256sum's own format).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "parallel/communicator.h"

namespace kohort::store {

// Everything that a stage's result depends on, as ordered name/value pairs: its options, its inputs' fingerprints,
// the keys of the stages before it, the format, and for float stages build, ISA and device.
class StageKey {
  public:
    explicit StageKey(std::string stage);
    StageKey& add(const std::string& name, const std::string& value);
    StageKey& add(const std::string& name, std::int64_t value);
    StageKey& add(const std::string& name, double value);
    StageKey& add_stage(const StageKey& earlier);  // depends on all of that stage

    const std::string& stage() const { return stage_; }
    const std::vector<std::pair<std::string, std::string>>& inputs() const { return inputs_; }
    std::string hash() const;  // SHA-256 of the pairs, hex

  private:
    std::string stage_;
    std::vector<std::pair<std::string, std::string>> inputs_;
};

enum class OpenMode {
    create,  // the folder must be missing or empty: otherwise Error(usage) that names --resume and another --out
    resume,  // made if missing; what is there is kept
    read     // must exist and hold run.json
};

class RunFolder {
  public:
    // Collective. Probes that every rank sees the same folder (Error(environment) otherwise).
    RunFolder(parallel::Communicator& comm, std::filesystem::path path, OpenMode mode);
    ~RunFolder();

    const std::filesystem::path& path() const { return path_; }
    bool resuming() const;

    // Free-form facts for people, kept in run.json outside the digest (configuration text, versions, inputs).
    // Rank 0's value counts.
    void describe(const std::string& name, const std::string& value);
    std::optional<std::string> description(const std::string& name) const;

    // The key of a stage that is complete here, so that a job run alone can build on it; nothing otherwise.
    std::optional<StageKey> recorded_key(const std::string& stage) const;

  private:
    friend class Stage;
    std::filesystem::path path_;
    struct State;
    std::unique_ptr<State> state_;
};

// What becomes of a stage that the run already holds, made from another key.
enum class OtherKey {
    refuse,   // Error(usage) that names the first difference
    replace   // it is made again: for a job that was asked for just this stage, on which no other stage builds
};

// One stage of a run. Collective: constructor and finish(). The rest is local and thread-safe.
//
//   Stage stage(comm, folder, key, {"embedding"});
//   if (stage.complete()) return;                       // recorded, and every file's checksum was read and agrees
//   ... for each file: if (!stage.reusable("embedding/part-00001.h5")) { write it; stage.add(path, sha); }
//   stage.finish();
class Stage {
  public:
    // Makes the `folders` (relative to the run; "." is the run's own) and removes temporary files that a crash left
    // there. A stage made from another key is treated as `other` says, but one that is not complete and holds no file yet
    // binds nobody: it takes the new key. Throws Error(environment) naming a file of a complete stage whose content has
    // changed. A complete stage whose files were removed is open again, and what is left of them can be reused.
    Stage(parallel::Communicator& comm, RunFolder& run, const StageKey& key, std::vector<std::string> folders,
          OtherKey other = OtherKey::refuse);

    bool complete() const;

    // True when the file exists under its final name, carries this stage's key (HDF5), and reads without error;
    // its checksum is then noted as by add(). Files of other kinds (text) are never reusable before the stage was
    // complete once. Throws Error(usage) for a file made from another key. A damaged one is not reusable, and the
    // log names it.
    bool reusable(const std::string& relative_path);

    void add(const std::string& relative_path, const std::string& sha256);

    // Gathers all ranks' files, writes checksum/STAGE.sha256 sorted by path, marks the stage complete in run.json.
    void finish();

    std::int64_t reused() const;  // files kept from an earlier run, on this rank

  private:
    void check_finished_files();

    parallel::Communicator& comm_;
    RunFolder& run_;
    StageKey key_;
    bool complete_ = false;
    std::map<std::string, std::string> intact_;  // listed by an earlier run, and read again: path -> SHA-256
    std::mutex mutex_;
    std::map<std::string, std::string> files_;
    std::int64_t reused_ = 0;
};

struct StageDigest {
    std::string stage, digest;
    std::int64_t files = 0, bytes = 0;
};

struct Verification {
    std::vector<StageDigest> stages;      // in the order they were finished
    std::string total;                    // SHA-256 over the stages' names and digests
    std::vector<std::string> problems;    // "embedding/part-00003.h5: content has changed", missing and surplus files
};

// Collective: files are read by all ranks. Covers all of the digest's files of DESIGN.md section 1.
Verification verify(parallel::Communicator& comm, const std::filesystem::path& run);

}  // namespace kohort::store
