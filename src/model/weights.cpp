#include "model/weights.h"

#include <algorithm>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/hash.h"
#include "base/philox.h"
#include "model/name_list.h"

namespace kohort::model {
namespace {

std::span<float> floats_of(torch::Tensor& tensor) {
    return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

std::string text_of(torch::IntArrayRef shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

// Hugging Face's loaders rename these two, which checkpoints converted from TensorFlow still carry.
std::string modern_name(std::string name) {
    for (const auto& [old_end, new_end] : {std::pair("LayerNorm.gamma", "weight"), std::pair("LayerNorm.beta", "bias")})
        if (name.ends_with(old_end)) return name.substr(0, name.rfind('.') + 1) + new_end;
    return name;
}

}  // namespace

torch::Tensor normal_tensor(std::uint64_t seed, const std::string& name, torch::IntArrayRef shape, double deviation) {
    const base::Philox random(seed, base::RandomPurpose::weight_init);
    auto tensor = torch::empty(shape);
    const auto values = floats_of(tensor);
    const std::uint64_t stream = base::hash64(name);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(deviation * random.normal(stream, i));
    return tensor;
}

TensorSource random_weights(const ModelConfig& config, std::uint64_t seed) {
    return [=](const std::string& name, torch::IntArrayRef shape) {
        if (name.ends_with("LayerNorm.weight") || name.ends_with("layer_norm.weight")) return torch::ones(shape);
        if (name.ends_with("bias")) return torch::zeros(shape);
        const bool full = !name.ends_with("position_embeddings.weight") && !name.ends_with("token_type_embeddings.weight");
        auto tensor = normal_tensor(seed, name, shape, full ? config.initializer_range : config.initializer_range / 10);
        if (name.ends_with("word_embeddings.weight")) tensor.select(0, config.pad_token_id).zero_();
        return tensor;
    };
}

WeightReader::WeightReader(const std::filesystem::path& folder, std::string_view prefix, std::vector<std::string> ignored)
    : prefix_(prefix), files_(folder) {
    for (const TensorView& tensor : files_.tensors()) {
        const std::string_view name = without_prefix(tensor.name);
        const bool skip = std::any_of(ignored.begin(), ignored.end(), [&](const auto& part) {
            return part.starts_with('.') ? name.ends_with(part) : name.starts_with(part);
        });
        if (skip) left_out_.emplace_back(name);
        else entries_.push_back({modern_name(std::string(name)), &tensor});
    }
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
    const auto twice = std::adjacent_find(entries_.begin(), entries_.end(),
                                          [](const Entry& a, const Entry& b) { return a.name == b.name; });
    if (twice != entries_.end())
        base::fail(base::ErrorKind::input, "{}: the tensors {} and {} are the same weight", files_.path().string(),
                   twice->tensor->name, std::next(twice)->tensor->name);
}

std::string_view WeightReader::without_prefix(std::string_view name) const {
    return name.starts_with(prefix_) ? name.substr(prefix_.size()) : name;
}

TensorSource WeightReader::source() {
    return [this](const std::string& name, torch::IntArrayRef shape) { return read(name, shape, true); };
}

TensorSource WeightReader::shapes() {
    return [this](const std::string& name, torch::IntArrayRef shape) { return read(name, shape, false); };
}

void WeightReader::stand_in(const std::string& name, std::string_view other) {
    if (holds(name)) return;
    for (const TensorView& tensor : files_.tensors())
        if (without_prefix(tensor.name) == other) entries_.insert(std::ranges::lower_bound(entries_, name, {}, &Entry::name), {name, &tensor});
}

torch::Tensor WeightReader::read(const std::string& name, torch::IntArrayRef shape, bool values) {
    const auto found = std::ranges::lower_bound(entries_, name, {}, &Entry::name);
    if (found == entries_.end() || found->name != name) {
        missing_.push_back(name);
        return torch::empty({0});
    }
    found->used = true;
    if (torch::IntArrayRef(found->tensor->shape) != shape) {
        misshapen_.push_back(fmt::format("{} ({} instead of {})", name, text_of(found->tensor->shape), text_of(shape)));
        return torch::empty({0});
    }
    auto tensor = torch::empty(shape);
    if (values) to_float(*found->tensor, floats_of(tensor));
    return tensor;
}

bool WeightReader::holds(const std::string& name) const {
    const auto found = std::ranges::lower_bound(entries_, name, {}, &Entry::name);
    return found != entries_.end() && found->name == name;
}

void WeightReader::finish(bool surplus_matters) const {
    std::vector<std::string> surplus, problems;
    for (const Entry& entry : entries_)
        if (surplus_matters && !entry.used) surplus.push_back(entry.tensor->name);
    if (!missing_.empty()) problems.push_back("missing: " + first_few(missing_));
    if (!misshapen_.empty()) problems.push_back("of another shape: " + first_few(misshapen_));
    if (!surplus.empty()) problems.push_back("surplus: " + first_few(surplus));
    if (!problems.empty())
        base::fail(base::ErrorKind::input, "{} does not hold the tensors that its config.json describes; {}",
                   files_.path().string(), fmt::join(problems, "; "));
}

TensorSource copied_weights(const std::vector<Parameter>& parameters, torch::Device device, torch::ScalarType type) {
    std::map<std::string, torch::Tensor> tensors;
    for (const Parameter& parameter : parameters) tensors.emplace(parameter.name, parameter.value);
    return [=](const std::string& name, torch::IntArrayRef) {
        return tensors.at(name).detach().to(device, type, /*non_blocking=*/false, /*copy=*/true);
    };
}

std::string write_weights(const std::filesystem::path& path, const std::vector<Parameter>& parameters) {
    std::vector<torch::Tensor> kept;  // what the views point into
    std::vector<TensorView> views;
    for (const Parameter& parameter : parameters) {
        kept.push_back(parameter.value.detach().to(torch::kCPU, torch::kFloat).contiguous());
        const auto values = floats_of(kept.back());
        views.push_back({parameter.name, ElementType::f32, kept.back().sizes().vec(), std::as_bytes(values)});
    }
    return write_safetensors(path, std::move(views));
}

}  // namespace kohort::model
