// A model's folder as files: which of them matter, what tells one folder from another, and copies in a run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "store/run_folder.h"

namespace kohort::jobs {

std::vector<std::string> tokenizer_files_in(const std::filesystem::path& folder);  // names, of those that are there

// SHA-256 over the names and contents of the files that make up a model and its tokenizer. Error(usage) where there is none.
std::string fingerprint_of_model(const std::filesystem::path& folder);

// The same of a tokenizer alone, which may be one file.
std::string fingerprint_of_tokenizer(const std::filesystem::path& path);

// Copies the named files of `from` into a folder of the run, as files of the stage.
void copy_into_run(store::RunFolder& run, store::Stage& stage, const std::string& folder, const std::filesystem::path& from,
                   const std::vector<std::string>& names);

}  // namespace kohort::jobs
