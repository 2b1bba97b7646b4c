// Where a model's tensors come from and go to: random numbers, a folder's files, another model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "model/layers.h"
#include "model/weight_files.h"

namespace kohort::model {

// Fresh weights: N(0, initializer_range) as BERT starts with, biases 0, LayerNorm 1 and 0, the padding token's
// embedding 0. Position and type embeddings get a tenth of the deviation: in the few hundred steps of a small corpus
// a model must first unlearn them, since word order says little about a short text's topic. Each number is a function of the seed, the tensor's name and the
// element's index, so a layer starts alike whatever else the model has.
TensorSource random_weights(const ModelConfig& config, std::uint64_t seed);

// Numbers of N(0, deviation), each a function of the seed, the tensor's name and the element's index.
torch::Tensor normal_tensor(std::uint64_t seed, const std::string& name, torch::IntArrayRef shape, double deviation);

// Weights from a model's folder in fp32, whatever float type each tensor is stored in. Names are taken with or without
// `prefix` ("bert."), and with the older LayerNorm.gamma and .beta. Tensors whose names (without the prefix) begin with
// one of `ignored` are left out, or end with it where it begins with a dot; every other tensor must be asked for.
class WeightReader {
  public:
    // Errors as WeightFiles has them, and Error(input) where two tensors come to the same name.
    WeightReader(const std::filesystem::path& folder, std::string_view prefix, std::vector<std::string> ignored);

    // `name` is read from the tensor `other` (without the prefix), ignored or not, where there is none of its own.
    void stand_in(const std::string& name, std::string_view other);

    TensorSource source();
    TensorSource shapes();  // as source(), but that values are not read: the tensors hold anything

    // Throws Error(input) that names the missing, misshapen and, where they matter, surplus tensors, if there are any.
    void finish(bool surplus_matters = true) const;

    bool holds(const std::string& name) const;  // a tensor that can be asked for

    const std::vector<std::string>& left_out() const { return left_out_; }  // tensors of the ignored kinds
    const std::filesystem::path& path() const { return files_.path(); }     // of the weights, for messages

  private:
    struct Entry {
        std::string name;  // without the prefix
        const TensorView* tensor;
        bool used = false;
    };
    std::string_view without_prefix(std::string_view name) const;
    torch::Tensor read(const std::string& name, torch::IntArrayRef shape, bool values);

    std::string prefix_;
    WeightFiles files_;
    std::vector<Entry> entries_;  // sorted by name
    std::vector<std::string> left_out_, missing_, misshapen_;
};

// The tensors of `parameters`, detached, on another device or in another type.
TensorSource copied_weights(const std::vector<Parameter>& parameters, torch::Device device, torch::ScalarType type);

// Writes the parameters in fp32. Returns the file's SHA-256 as hex.
std::string write_weights(const std::filesystem::path& path, const std::vector<Parameter>& parameters);

}  // namespace kohort::model
