#include "train/lora.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "model/weights.h"

namespace kohort::train {
namespace {

struct Kind {
    std::string_view end;  // of a module's name
    bool attention;
    bool transposed = false;
};
// The first that fits counts: BERT calls the end of both kinds of layer "output.dense".
constexpr std::array kinds{
    Kind{".attention.self.query", true}, Kind{".attention.self.key", true}, Kind{".attention.self.value", true},
    Kind{".attention.output.dense", true}, Kind{".intermediate.dense", false}, Kind{".output.dense", false},  // BERT
    Kind{".attn.c_attn", true, true}, Kind{".attn.c_proj", true, true}, Kind{".mlp.c_fc", false, true}, Kind{".mlp.c_proj", false, true},
    Kind{".SelfAttention.q", true}, Kind{".SelfAttention.k", true}, Kind{".SelfAttention.v", true}, Kind{".SelfAttention.o", true},
    Kind{".DenseReluDense.wi", false}, Kind{".DenseReluDense.wi_0", false}, Kind{".DenseReluDense.wi_1", false},
    Kind{".DenseReluDense.wo", false}};

}  // namespace

std::vector<LoraTarget> lora_targets(const std::vector<model::Parameter>& parameters, LoraTargets targets) {
    constexpr std::string_view weight = ".weight";
    std::vector<LoraTarget> found;
    for (std::size_t t = 0; t < parameters.size(); ++t) {
        std::string module = parameters[t].name;
        if (!module.ends_with(weight)) continue;
        module.resize(module.size() - weight.size());
        const auto* kind = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& known) { return module.ends_with(known.end); });
        if (kind == kinds.end() || (!kind->attention && targets == LoraTargets::attention)) continue;
        found.push_back({t, std::move(module), kind->transposed});
    }
    if (found.empty()) base::fail(base::ErrorKind::usage, "the model has no layer that a low-rank adapter is known for");
    return found;
}

LoraPair fresh_pair(const LoraTarget& target, const torch::Tensor& weight, std::int64_t rank, std::uint64_t seed) {
    const std::int64_t in = weight.size(target.transposed ? 0 : 1), out = weight.size(target.transposed ? 1 : 0);
    model::ModelConfig numbers;
    numbers.initializer_range = 1 / std::sqrt(static_cast<double>(in));
    const std::string name = target.module + ".lora_A.weight";
    return {{name, model::random_weights(numbers, seed)(name, {rank, in}).to(weight.device())},
            {target.module + ".lora_B.weight", torch::zeros({out, rank}, torch::dtype(torch::kFloat).device(weight.device()))}};
}

torch::Tensor adapted(const LoraTarget& target, const torch::Tensor& weight, const torch::Tensor& a, const torch::Tensor& b, double scale) {
    const auto update = target.transposed ? torch::matmul(a.t(), b.t()) : torch::matmul(b, a);
    return weight + update * scale;
}

std::vector<model::SavedFile> save_adapters(const std::filesystem::path& folder, const AdapterWeights& adapters) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) base::fail(base::ErrorKind::environment, "cannot make the folder {}: {}", folder.string(), failed.message());
    nlohmann::ordered_json config;
    config["peft_type"] = "LORA";
    config["task_type"] = "FEATURE_EXTRACTION";
    config["base_model_name_or_path"] = nullptr;
    config["inference_mode"] = true;
    config["r"] = adapters.options.rank;
    config["lora_alpha"] = adapters.options.alpha;
    config["lora_dropout"] = 0.0;
    config["bias"] = "none";
    config["fan_in_fan_out"] = adapters.targets.front().transposed;
    for (const LoraTarget& target : adapters.targets) config["target_modules"].push_back(target.module);
    const std::string text = config.dump(2) + "\n";
    std::vector<model::Parameter> parameters = adapters.parameters;
    for (model::Parameter& parameter : parameters) parameter.name = "base_model.model." + parameter.name;
    base::write_file_atomically(folder / "adapter_config.json", text);
    return {{"adapter_config.json", base::sha256_hex(text)},
            {"adapter_model.safetensors", model::write_weights(folder / "adapter_model.safetensors", parameters)}};
}

}  // namespace kohort::train
