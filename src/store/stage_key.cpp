// StageKey (run_folder.h): what a stage's result depends on, and its hash.
#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "store/run_folder.h"

namespace kohort::store {

StageKey::StageKey(std::string stage) : stage_(std::move(stage)) {}

StageKey& StageKey::add(const std::string& name, const std::string& value) {
    const auto known =
        std::find_if(inputs_.begin(), inputs_.end(), [&](const auto& input) { return input.first == name; });
    if (known == inputs_.end()) {
        inputs_.emplace_back(name, value);
    } else if (known->second != value) {
        base::fail(base::ErrorKind::internal, "the key of stage {} has two values of {}: {} and {}", stage_,
                   name, known->second, value);
    }
    return *this;
}

StageKey& StageKey::add(const std::string& name, std::int64_t value) {
    return add(name, fmt::format("{}", value));
}

StageKey& StageKey::add(const std::string& name, double value) {
    return add(name, fmt::format("{}", value));
}

// All of the earlier stage's inputs, under its name, so that a difference can be told in words; an input that
// it has from a still earlier stage keeps that stage's name.
StageKey& StageKey::add_stage(const StageKey& earlier) {
    for (const auto& [name, value] : earlier.inputs())
        add(name.find(": ") == std::string::npos ? earlier.stage() + ": " + name : name, value);
    return *this;
}

std::string StageKey::hash() const {
    base::Sha256 sha256;
    const auto update = [&](const std::string& text) {  // with its length: no two lists of texts look alike
        sha256.update(fmt::format("{}:", text.size()));
        sha256.update(text);
    };
    update(stage_);
    for (const auto& [name, value] : inputs_) {
        update(name);
        update(value);
    }
    return sha256.hex();
}

}  // namespace kohort::store
