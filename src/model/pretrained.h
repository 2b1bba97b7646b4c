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

class Encoder;
struct HeadWeights;

// The encoder in a folder that Kohort or Hugging Face's classes saved, of whatever family its config.json names: "bert",
// "roberta" and "xlm-roberta", "gpt2", or "t5" and "mt5". A pooler, a decoder and task heads are left out, with a log line
// where `notice`. Error(usage) for what is not a known model, Error(input) for weights that do not fit config.json.
std::shared_ptr<Encoder> load_encoder(const std::filesystem::path& folder, bool notice = true);

// The "model_type" of the folder's config.json, one of those above. Error(usage) where it is another.
std::string model_type_in(const std::filesystem::path& folder);

// The labels that the folder's classifier tells apart, in the order of its outputs ("id2label"); none where it has none, or one
// for another kind of labels, or on top of a pooler, which no encoder here has.
std::vector<std::string> labels_in(const std::filesystem::path& folder, bool multi_label);

// The errors of load_encoder(), without the weights' values being read. Returns the model's longest sequence, special tokens
// included.
std::int64_t check_encoder(const std::filesystem::path& folder);

// The names of the files that make up the model in a folder: config.json and those of its weights. Errors as
// weight_file_names() in weight_files.h has them, and Error(usage) without a config.json.
std::vector<std::string> model_files(const std::filesystem::path& folder);

// A model of BERT's kind with fresh weights (see random_weights).
std::shared_ptr<Encoder> make_model(const ModelConfig& config, std::uint64_t seed);

// `model` itself, or a copy of it on a GPU.
std::shared_ptr<Encoder> on_device(std::shared_ptr<Encoder> model, Device device);

struct SavedFile {
    std::string name;    // "model.safetensors"
    std::string sha256;
};

// Writes config.json and model.safetensors (fp32), each complete or not at all, so that transformers.AutoModel loads the
// folder (T5EncoderModel and MT5EncoderModel of a T5), and with a head the class that the head is of; load_encoder() reads
// either. Equal weights give equal bytes. The folder is made if it is missing.
std::vector<SavedFile> save_model(const std::filesystem::path& folder, const Encoder& model, const HeadWeights* head = nullptr);

std::int64_t width_of(const Encoder& model);  // of its vectors

// For people: "2 layers of 128".
std::string describe(const Encoder& model);

}  // namespace kohort::model
