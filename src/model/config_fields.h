// Reads the values of a config.json, for the families of models that each know their own keys.
#pragma once

#include <array>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "model/model_config.h"

namespace kohort::model {

using Json = nlohmann::ordered_json;

// No model has so many; a file that says more would have its tensors named until memory is full.
inline constexpr std::int64_t most_layers = 10'000;

struct ActivationName {
    std::string_view name;
    Activation activation;
};
inline constexpr std::array<ActivationName, 4> activations{{{"gelu", Activation::gelu},
                                                     {"gelu_new", Activation::gelu_tanh},
                                                     {"gelu_pytorch_tanh", Activation::gelu_tanh},
                                                     {"relu", Activation::relu}}};

inline std::string_view name_of(Activation activation) {
    for (const ActivationName& known : activations)
        if (known.activation == activation) return known.name;
    return {};
}

inline Json parse_config(std::string_view json, const std::string& where) {
    Json root = Json::parse(json, nullptr, false);
    if (!root.is_object()) base::fail(base::ErrorKind::usage, "{} is not a JSON object", where);
    return root;
}

class ConfigFields {
  public:
    ConfigFields(const Json& json, const std::string& where) : json_(json), where_(where) {}

    // Leaves `value` at its default where the key is missing or null, as Hugging Face does.
    template <class T>
    void read(const char* key, T& value) const {
        const auto found = json_.find(key);
        if (found == json_.end() || found->is_null()) return;
        bool fits = found->is_string();
        if constexpr (std::is_same_v<T, bool>) fits = found->is_boolean();
        else if constexpr (std::is_integral_v<T>) fits = found->is_number_integer();
        else if constexpr (std::is_floating_point_v<T>) fits = found->is_number();
        if (!fits) base::fail(base::ErrorKind::usage, "{}: \"{}\" has a value of the wrong type: {}", where_, key, found->dump());
        value = found->template get<T>();
    }

    // An option that is known to change what the model computes, and that must have its usual value.
    template <class T>
    void demand(const char* key, T usual) const {
        T value = usual;
        read(key, value);
        if (value != usual)
            base::fail(base::ErrorKind::usage, "{}: \"{}\" is {}; this program computes models with {} only", where_, key,
                       Json(value).dump(), Json(usual).dump());
    }

    // Error(usage) for a size that no model has.
    void require_sizes(std::initializer_list<std::pair<const char*, std::int64_t>> sizes) const {
        for (const auto& [name, size] : sizes)
            if (size < 1 || size > 1 << 30) base::fail(base::ErrorKind::usage, "{}: a model cannot have {} = {}", where_, name, size);
    }

    // The same of the number of layers.
    void require_layers(const char* name, std::int64_t layers) const {
        require_sizes({{name, layers}});
        if (layers > most_layers) base::fail(base::ErrorKind::usage, "{}: a model cannot have {} = {}", where_, name, layers);
    }

    // The activation that a key names. Error(usage) for one that is not known.
    Activation activation(const char* key, Activation usual) const {
        std::string name(name_of(usual));
        read(key, name);
        for (const ActivationName& known : activations)
            if (known.name == name) return known.activation;
        base::fail(base::ErrorKind::usage, "{}: {} \"{}\" is not known; gelu, gelu_new, gelu_pytorch_tanh and relu are", where_, key, name);
    }

  private:
    const Json& json_;
    const std::string& where_;
};

}  // namespace kohort::model
