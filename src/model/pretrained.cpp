#include "model/pretrained.h"

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "model/bert.h"
#include "model/weights.h"

namespace kohort::model {
namespace {

constexpr const char* config_name = "config.json";
constexpr const char* weights_name = "model.safetensors";

}  // namespace

std::shared_ptr<Bert> load_model(const std::filesystem::path& folder, bool notice) {
    const ModelConfig config = read_model_config(folder / config_name);
    if (!std::filesystem::is_regular_file(folder / weights_name))
        base::fail(base::ErrorKind::usage, "{} has no {}", folder.string(), weights_name);
    // position_ids is a buffer that older checkpoints carry; qa_outputs and classifier are heads of fine-tuned models.
    WeightReader reader(folder / weights_name, "bert.",
                        {"pooler.", "cls.", "embeddings.position_ids", "qa_outputs.", "classifier."});
    auto model = std::make_shared<Bert>(config, reader.source());
    reader.finish();
    if (notice && !reader.left_out().empty())
        base::log_info("{} tensors of {} that an encoder does not use are left out ({}, …)", reader.left_out().size(),
                       (folder / weights_name).string(), reader.left_out().front());
    return model;
}

std::shared_ptr<Bert> make_model(const ModelConfig& config, std::uint64_t seed) {
    return std::make_shared<Bert>(config, random_weights(config, seed));
}

std::shared_ptr<Bert> on_device(std::shared_ptr<Bert> model, Device device) {
    if (!device.cuda) return model;
    return std::make_shared<Bert>(model->copy_to(torch_device(device), torch::kFloat));
}

std::vector<SavedFile> save_model(const std::filesystem::path& folder, const Bert& model) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) base::fail(base::ErrorKind::environment, "cannot make the folder {}: {}", folder.string(), failed.message());
    const std::string config = to_json(model.config());
    base::write_file_atomically(folder / config_name, config);
    return {{config_name, base::sha256_hex(config)}, {weights_name, write_weights(folder / weights_name, model.parameters())}};
}

}  // namespace kohort::model
