// A model's folder as files: which of them matter, what tells one folder from another, and copies in a run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "options.h"
#include "store/run_folder.h"

namespace kohort::jobs {

std::vector<std::string> tokenizer_files_in(const std::filesystem::path& folder);  // names, of those that are there

// Those, and what sentence-transformers says of vectors: what goes along with a model.
std::vector<std::string> files_beside_model(const std::filesystem::path& folder);

// What a model's folder says of pooling and length (model/sentence_settings.h) is the default where the job takes a model and
// the option is not given; and one that --model names is trained further at a lower rate by default than a new one. Says so where
// `notice`.
void follow_model_folder(Options& options, bool notice);

// SHA-256 over the names and contents of the files that make up a model and its tokenizer. Error(usage) where there is none.
std::string fingerprint_of_model(const std::filesystem::path& folder);

// The same of a tokenizer alone, which may be one file.
std::string fingerprint_of_tokenizer(const std::filesystem::path& path);

// Copies the named files of `from` into a folder of the run, as files of the stage.
void copy_into_run(store::RunFolder& run, store::Stage& stage, const std::string& folder, const std::filesystem::path& from,
                   const std::vector<std::string>& names);

}  // namespace kohort::jobs
