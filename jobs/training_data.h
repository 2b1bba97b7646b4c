// What a training is told of users and items besides the corpus: labels, categories, and which pairs to make of both.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "job_context.h"
#include "store/run_folder.h"
#include "train/label_set.h"
#include "train/trainer.h"

namespace kohort::jobs {

train::PairKind pair_kind(const Options& options);
bool is_supervised(const Options& options);

// Error(usage) for options that do not go together.
void check_training_data(const Options& options);

// Names and contents of what read_training_data() reads, and how it is used.
void add_training_data(store::StageKey& key, const Options& options);

struct TrainingData {
    std::optional<train::LabelSet> labels;
    std::unordered_map<std::string, std::string> categories;  // by item
    mutable std::atomic<std::int64_t> labelled{0};            // users of this rank's partitions with a label

    // For a store of this training's users; `this` must outlive the store's making.
    train::StoreOptions store_options(const Options& options, bool words) const;
    // Collective. Says what the corpus has of it; Error(input) where it has next to nothing.
    void report(JobContext& context, const train::TokenStore& store) const;
    // Into a training's settings.
    void settle(const Options& options, train::TrainOptions& settings) const;
};

// Collective. Error(usage) or Error(input) on all ranks where a file is of no use.
std::unique_ptr<TrainingData> read_training_data(JobContext& context);

}  // namespace kohort::jobs
