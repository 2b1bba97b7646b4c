// run.json: what a run's folder says of itself. Kept apart from the folder so that its text form is one
// topic: people read this file, and a newer version of the program may have written it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kohort::store {

using NamedValues = std::vector<std::pair<std::string, std::string>>;

struct StageRecord {
    std::string stage;
    std::string key;                   // StageKey::hash()
    NamedValues inputs;                // what the key was made of, so that a difference can be named
    std::vector<std::string> folders;  // relative to the run; files that are there belong to this stage
    bool complete = false;
    std::int64_t files = 0;  // in checksum/STAGE.sha256
    std::string digest;      // SHA-256 of that list; stays when a complete stage is opened again to mend it
};

struct Manifest {
    NamedValues descriptions;
    std::vector<StageRecord> stages;  // in the order they were begun

    StageRecord* find(std::string_view stage);
    const StageRecord* find(std::string_view stage) const;
};

// The text of run.json, indented for people, names in the order they were given.
std::string to_json(const Manifest& manifest);

// Error(environment) when the text is no manifest, Error(usage) when its format is newer; `path` stands in
// messages.
Manifest parse_manifest(std::string_view json, const std::filesystem::path& path);

// "--clusters was 10, is 12 (and 2 more differ)"; empty where nothing differs.
std::string first_difference(const NamedValues& was, const NamedValues& is);

}  // namespace kohort::store
