// Low-rank adaptation (Hu et al. 2021, section 4) as jobs see it: what to ask for, and how its result is saved. No torch type
// stands here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "model/pretrained.h"

namespace kohort::train {

enum class LoraTargets {
    attention,  // the four projections of each attention
    all,        // also those of the feed-forward layers
};

struct LoraOptions {
    std::int64_t rank = 0;  // 0: off
    double alpha = 16;      // the update counts alpha / rank times
    LoraTargets targets = LoraTargets::attention;
};

struct AdapterWeights;

// Writes adapter_config.json and adapter_model.safetensors as PEFT reads them; which model they belong to is left open, since
// a path has no place in a result. Returned names are relative to `folder`, which is made if it is missing. Equal adapters
// give equal bytes.
std::vector<model::SavedFile> save_adapters(const std::filesystem::path& folder, const AdapterWeights& adapters);

}  // namespace kohort::train
