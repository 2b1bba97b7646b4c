// The files that hold a model's weights in its folder: one model.safetensors, or several shards that
// model.safetensors.index.json lists. The index is as little trusted as the files: each tensor must lie where it says.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/safetensors.h"

namespace kohort::model {

inline constexpr const char* config_file = "config.json";
inline constexpr const char* weights_file = "model.safetensors";
inline constexpr const char* weights_index_file = "model.safetensors.index.json";

// The names of the files in `folder` that hold its weights, an index first; a model.safetensors goes before an index, as
// it does with transformers. Error(usage) where there are none, with what to do about a pytorch_model.bin; Error(input)
// for a malformed index or a shard that is not there.
std::vector<std::string> weight_file_names(const std::filesystem::path& folder);

class WeightFiles {
  public:
    // Errors as above, and SafetensorsError for a malformed file. Error(input) names the tensors that are not in the
    // shard which the index gives for them, and those in a shard that the index does not give for them.
    explicit WeightFiles(const std::filesystem::path& folder);

    const std::filesystem::path& path() const { return path_; }  // model.safetensors or the index, for messages
    const std::vector<TensorView>& tensors() const { return tensors_; }  // of all files, sorted by name

  private:
    std::filesystem::path path_;
    std::vector<SafetensorsFile> files_;
    std::vector<TensorView> tensors_;
};

}  // namespace kohort::model
