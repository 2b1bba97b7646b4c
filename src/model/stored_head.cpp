#include "model/stored_head.h"

#include <algorithm>
#include <map>

#include "base/atomic_file.h"
#include "base/log.h"
#include "model/config_fields.h"
#include "model/pretrained.h"
#include "model/weights.h"

namespace kohort::model {
namespace {

void demand_tied_scores(const std::filesystem::path& folder) {
    const auto type = model_type_in(folder);
    if (type == "t5" || type == "mt5") return;
    const auto path = (folder / config_file).string();
    const Json root = parse_config(base::read_file(path), path);
    ConfigFields(root, path).demand("tie_word_embeddings", true);
}

}  // namespace

TensorSource stored_head(const std::filesystem::path& folder, const std::vector<Parameter>& wanted, TensorSource fresh,
                         bool notice) {
    const bool classifier = std::ranges::any_of(wanted, [](const Parameter& tensor) { return tensor.name.starts_with("classifier."); });
    if (!classifier) demand_tied_scores(folder);
    if (wanted.empty()) return fresh;
    WeightReader reader(folder, "transformer.", {});
    if (std::ranges::none_of(wanted, [&](const Parameter& tensor) { return reader.holds(tensor.name); })) {
        if (notice) base::log_info("{} has no head for this training: it starts from fresh weights", folder.string());
        return fresh;
    }
    std::map<std::string, torch::Tensor> tensors;
    for (const Parameter& tensor : wanted) tensors.emplace(tensor.name, reader.source()(tensor.name, tensor.value.sizes()));
    reader.finish(/*surplus_matters=*/false);
    if (notice) base::log_info("the head of {} is trained further", folder.string());
    return [tensors = std::move(tensors)](const std::string& name, torch::IntArrayRef) { return tensors.at(name); };
}

}  // namespace kohort::model
