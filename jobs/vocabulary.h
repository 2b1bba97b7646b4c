// The vocabulary of a new model: a tokenizer that was given, or one made from the corpus.
#pragma once

#include <string>

#include "job_context.h"
#include "store/run_folder.h"

namespace kohort::jobs {

// Collective: writes the tokenizer's files into a folder of the run, as files of the stage; the same bytes at any number of
// ranks.
void make_tokenizer(JobContext& context, store::RunFolder& run, store::Stage& stage, const std::string& folder);

// Error(usage) where the options ask for a vocabulary that cannot be made.
void check_vocabulary(const Options& options);

// What the words of a vocabulary depend on beside texts and options; "" where on nothing.
std::string vocabulary_rules(const Options& options);

}  // namespace kohort::jobs
