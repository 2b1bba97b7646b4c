// A model's folder in Hugging Face's layout: config.json and model.safetensors (the tokenizer's files beside them
// belong to text). No torch type stands here, so that jobs need none.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/device.h"
#include "model/model_config.h"

namespace kohort::model {

class Bert;

// Reads a folder that Kohort or Hugging Face's BertModel, BertForMaskedLM, … saved. A pooler and task heads are left
// out, with a log line where `notice`. Error(usage) for what is not a known model, Error(input) for weights that do
// not fit config.json.
std::shared_ptr<Bert> load_model(const std::filesystem::path& folder, bool notice = true);

// A model with fresh weights (see random_weights).
std::shared_ptr<Bert> make_model(const ModelConfig& config, std::uint64_t seed);

// `model` itself, or a copy of it on a GPU.
std::shared_ptr<Bert> on_device(std::shared_ptr<Bert> model, Device device);

struct SavedFile {
    std::string name;    // "model.safetensors"
    std::string sha256;
};

// Writes the folder's two files, each complete or not at all, so that transformers.BertModel.from_pretrained loads
// it. Equal weights give equal bytes. The folder is made if it is missing.
std::vector<SavedFile> save_model(const std::filesystem::path& folder, const Bert& model);

}  // namespace kohort::model
