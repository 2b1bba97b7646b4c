#include "idle_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace kohort::jobs {
namespace {

const OptionSpec& spec_of(const std::string& name) {
    return *std::ranges::find(option_table(), name, &OptionSpec::name);
}

bool is_set(const Options& options, const std::string& name) {
    return options.names(name) && options.given(name) && options.text(name) != spec_of(name).standard;
}

bool is_only_for_training(const OptionSpec& spec) {
    bool trains = false;
    std::istringstream words(spec.jobs);
    for (std::string job; words >> job;) {
        if (job != "run" && job != "pretrain" && job != "finetune") return false;
        trains |= job != "run";
    }
    return trains;
}

}  // namespace

std::vector<std::string> idle_options(const Options& options) {
    const auto is = [&](const char* name, const char* value) { return options.names(name) && options.text(name) == value; };
    std::vector<std::string> lines;
    const auto check = [&](bool idle, const std::vector<std::string>& names, const char* reason) {
        if (!idle) return;
        std::string named;
        for (const auto& name : names)
            if (is_set(options, name)) named += fmt::format("{}--{}", named.empty() ? "" : ", ", name);
        if (!named.empty()) lines.push_back(named + ": " + reason);
    };
    if (options.job() == "run" && options.given("model")) {
        std::vector<std::string> names;
        for (const auto& spec : option_table())
            if (is_only_for_training(spec)) names.push_back(spec.name);
        check(true, names, "with --model nothing is trained; `kohort finetune --model` does that");
        return lines;
    }
    const bool supervised = is("objective", "supervised");
    check(options.real("held-out") == 0, {"evaluate-every", "patience"}, "without --held-out");
    check(!is("schedule", "wsd"), {"cooldown"}, "without --schedule wsd");
    check(is("lora-rank", "0"), {"lora-alpha", "lora-targets"}, "without --lora-rank");
    check(!is("pairs", "query-item"), {"query-behavior"}, "without --pairs query-item");
    check(!is("pairs", "title-category"), {"categories", "category-column"}, "without --pairs title-category");
    check(is("pairs", "dropout") && !supervised, {"drop-tokens", "side-events"}, "--pairs dropout takes whole texts, one a side");
    check(!supervised, {"label-column", "label-kind"}, "without --objective supervised");
    check(supervised, {"pairs", "temperature", "false-negatives", "false-negative-margin", "left-out-weight"},
          "with --objective supervised there are no pairs");
    return lines;
}

}  // namespace kohort::jobs
