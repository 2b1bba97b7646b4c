#include "options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

#include "base/error.h"
#include "number_list.h"

namespace kohort::jobs {
namespace {

namespace po = boost::program_options;
using base::ErrorKind;
using base::fail;

const OptionSpec* find_option(std::string_view name) {
    const auto& table = option_table();
    const auto found = std::find_if(table.begin(), table.end(), [&](const auto& spec) { return spec.name == name; });
    return found == table.end() ? nullptr : &*found;
}

const OptionSpec& known_option(std::string_view name) {
    const auto* spec = find_option(name);
    if (!spec) fail(ErrorKind::internal, "the program asked for an option '{}' that is not in its table", name);
    return *spec;
}

bool suits(const OptionSpec& spec, std::string_view job) {
    if (spec.jobs == "*") return true;
    std::istringstream words(spec.jobs);
    for (std::string word; words >> word;)
        if (word == job) return true;
    return false;
}

std::vector<std::string> names_for(std::string_view job) {
    std::vector<std::string> names;
    for (const auto& spec : option_table())
        if (job.empty() || suits(spec, job)) names.push_back(spec.name);
    return names;
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
    T value{};
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
    const auto close = nearest(word, candidates);
    return close ? fmt::format("; did you mean '{}'?", *close) : std::string();
}

void check_range(const OptionSpec& spec, const std::string& value, double number) {
    if (number >= spec.least && number <= spec.most) return;
    if (spec.most == OptionSpec().most) fail(ErrorKind::usage, "--{} {}: give {} or more", spec.name, value, spec.least);
    fail(ErrorKind::usage, "--{} {}: give {} to {}", spec.name, value, spec.least, spec.most);
}

// The value as it is kept: sorted and without blanks, so that lists that mean the same have the same text.
std::string checked_integers(const OptionSpec& spec, const std::string& value) {
    if (value == "auto") return value;
    const auto numbers = parse_number_list(value);
    if (!numbers)
        fail(ErrorKind::usage, "--{} {}: give a whole number, several with commas between them, or auto", spec.name, value);
    for (const auto number : *numbers) check_range(spec, value, static_cast<double>(number));
    if (const auto twice = std::ranges::adjacent_find(*numbers); twice != numbers->end())
        fail(ErrorKind::usage, "--{} {}: {} stands there twice; give each number once", spec.name, value, *twice);
    return fmt::format("{}", fmt::join(*numbers, ","));
}

std::string checked(const OptionSpec& spec, const std::string& value) {
    switch (spec.type) {
        case OptionType::integer:
            if (!parse_number<std::int64_t>(value))
                fail(ErrorKind::usage, "--{} {}: give a whole number", spec.name, value);
            check_range(spec, value, static_cast<double>(*parse_number<std::int64_t>(value)));
            return value;
        case OptionType::integer_or_auto:
            if (value != "auto" && !parse_number<std::int64_t>(value))
                fail(ErrorKind::usage, "--{} {}: give a whole number or auto", spec.name, value);
            if (value != "auto") check_range(spec, value, static_cast<double>(*parse_number<std::int64_t>(value)));
            return value;
        case OptionType::integers_or_auto: return checked_integers(spec, value);
        case OptionType::real: {
            const auto number = parse_number<double>(value);
            if (!number || !std::isfinite(*number)) fail(ErrorKind::usage, "--{} {}: give a number", spec.name, value);
            check_range(spec, value, *number);
            return value;
        }
        case OptionType::flag: {
            std::string lower = value;
            std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
            if (lower == "true" || lower == "yes" || lower == "on" || lower == "1") return "true";
            if (lower == "false" || lower == "no" || lower == "off" || lower == "0") return "false";
            fail(ErrorKind::usage, "--{} {}: give true or false", spec.name, value);
        }
        case OptionType::choice:
            if (std::find(spec.choices.begin(), spec.choices.end(), value) == spec.choices.end())
                fail(ErrorKind::usage, "--{} {}: choose one of {}{}", spec.name, value, fmt::join(spec.choices, ", "),
                     suggestion(value, spec.choices));
            return value;
        case OptionType::text:
        case OptionType::list: return value;
    }
    return value;
}

// What Boost parses for a job: every option as text, flags with an optional value.
po::options_description description_for(std::string_view job) {
    po::options_description description;
    for (const auto& spec : option_table()) {
        if (!job.empty() && !suits(spec, job)) continue;
        if (spec.type == OptionType::flag)
            description.add_options()(spec.name.c_str(), po::value<std::string>()->implicit_value("true"), "");
        else if (spec.type == OptionType::list)
            description.add_options()(spec.name.c_str(), po::value<std::vector<std::string>>()->multitoken()->composing(), "");
        else
            description.add_options()(spec.name.c_str(), po::value<std::string>(), "");
    }
    return description;
}

void read_config_file(const std::string& path, Options& options, const Options& from_command_line) {
    std::ifstream file(path);
    if (!file) fail(ErrorKind::usage, "--config {}: cannot read the file; check the path", path);
    po::parsed_options parsed(nullptr);
    try {
        // Unregistered keys are collected, so that the message can be ours.
        const auto description = description_for("");
        parsed = po::parse_config_file(file, description, true);
    } catch (const po::error& error) {
        fail(ErrorKind::usage, "--config {}: {}", path, error.what());
    }
    std::map<std::string, std::vector<std::string>> values;
    for (const auto& option : parsed.options) {
        if (!find_option(option.string_key) || option.string_key == "config")
            fail(ErrorKind::usage, "--config {}: unknown key '{}'{}", path, option.string_key,
                 suggestion(option.string_key, names_for("")));
        for (const auto& value : option.value) values[option.string_key].push_back(value);
    }
    for (const auto& [name, given] : values) {
        // A file may serve several jobs: a key of another job is no error.
        if (!suits(known_option(name), options.job()) || from_command_line.given(name)) continue;
        for (const auto& value : given) options.set(name, value);
    }
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
    std::optional<std::string> best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const auto& candidate : candidates) {
        // Levenshtein distance, one row at a time.
        std::vector<std::size_t> row(candidate.size() + 1);
        std::iota(row.begin(), row.end(), std::size_t{0});
        for (std::size_t i = 1; i <= word.size(); ++i) {
            std::size_t diagonal = row[0]++;
            for (std::size_t j = 1; j <= candidate.size(); ++j) {
                const std::size_t change = diagonal + (word[i - 1] != candidate[j - 1]);
                diagonal = row[j];
                row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
            }
        }
        if (row.back() < best_distance) {
            best_distance = row.back();
            best = candidate;
        }
    }
    return best;
}

const std::string& Options::text(std::string_view name) const {
    const auto& spec = known_option(name);
    const auto found = values_.find(name);
    if (found != values_.end()) return found->second;
    const auto assumed = assumed_.find(name);
    return assumed == assumed_.end() ? spec.standard : assumed->second;
}

std::int64_t Options::integer(std::string_view name) const { return *parse_number<std::int64_t>(text(name)); }
std::optional<std::int64_t> Options::integer_or_auto(std::string_view name) const {
    return parse_number<std::int64_t>(text(name));
}
std::vector<std::int64_t> Options::integers_or_auto(std::string_view name) const {
    return parse_number_list(text(name)).value_or(std::vector<std::int64_t>());
}
double Options::real(std::string_view name) const { return *parse_number<double>(text(name)); }
bool Options::flag(std::string_view name) const { return text(name) == "true"; }
bool Options::names(std::string_view name) const { return suits(known_option(name), job_); }
bool Options::given(std::string_view name) const { return values_.find(name) != values_.end(); }

std::vector<std::string> Options::list(std::string_view name) const {
    std::vector<std::string> entries;
    std::istringstream lines(text(name));
    for (std::string line; std::getline(lines, line);)
        if (!line.empty()) entries.push_back(line);
    return entries;
}

void Options::set(const std::string& name, const std::string& value) {
    const auto& spec = known_option(name);
    if (spec.type != OptionType::list) {
        values_[name] = checked(spec, value);
        return;
    }
    auto& entries = values_[name];  // a list is kept as lines
    if (!entries.empty()) entries += '\n';
    entries += value;
}

void Options::assume(const std::string& name, const std::string& value) { assumed_[name] = checked(known_option(name), value); }

std::string Options::as_config() const {
    std::string config = fmt::format("# kohort {} --config THIS_FILE\n", job_);
    for (const auto& spec : option_table()) {
        if (!suits(spec, job_) || spec.name == "config") continue;
        if (spec.type == OptionType::list) {
            for (const auto& entry : list(spec.name)) config += fmt::format("{} = {}\n", spec.name, entry);
        } else if (!text(spec.name).empty()) {
            config += fmt::format("{} = {}\n", spec.name, text(spec.name));
        }
    }
    return config;
}

CommandLine parse_command_line(int count, const char* const* arguments) {
    CommandLine line;
    std::vector<std::string> words(arguments + 1, arguments + count);
    if (words.empty() || words[0] == "--help" || words[0] == "help" || words[0] == "-h") {
        line.help = true;
        return line;
    }
    if (words[0] == "--version") {
        line.version = true;
        return line;
    }
    line.job = words[0];
    std::vector<std::string> jobs;
    for (const auto& job : job_table()) jobs.push_back(job.name);
    if (std::find(jobs.begin(), jobs.end(), line.job) == jobs.end())
        fail(ErrorKind::usage, "unknown job '{}'{}; `kohort --help` lists the jobs", line.job, suggestion(line.job, jobs));
    words.erase(words.begin());

    Options given(line.job);
    try {
        auto description = description_for(line.job);
        description.add_options()("help,h", "")("print-config", "");
        po::command_line_parser parser(words);
        const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
        po::positional_options_description positional;
        if (line.job == "verify") positional.add("input", 1);
        const auto parsed = parser.options(description).style(style).positional(positional).run();
        for (const auto& option : parsed.options) {
            if (option.string_key == "help") line.help = true;
            else if (option.string_key == "print-config") line.print_config = true;
            else if (option.value.empty()) given.set(option.string_key, "true");
            else for (const auto& value : option.value) given.set(option.string_key, value);
        }
    } catch (const po::unknown_option& error) {
        auto name = error.get_option_name();
        name.erase(0, name.find_first_not_of('-'));
        auto names = names_for(line.job);
        names.insert(names.end(), {"help", "print-config"});
        const auto* elsewhere = find_option(name);
        fail(ErrorKind::usage, "unknown option '--{}' for `kohort {}`{}", name, line.job,
             elsewhere ? fmt::format(" (it belongs to: {})", elsewhere->jobs) : suggestion(name, names));
    } catch (const po::error& error) {
        fail(ErrorKind::usage, "{}; `kohort {} --help` shows the options", error.what(), line.job);
    }

    line.options.emplace(given);
    if (given.given("config")) read_config_file(given.text("config"), *line.options, given);
    return line;
}

std::string general_help() {
    std::string help =
        "kohort JOB [--config FILE] [options]\n\n"
        "Turns a corpus of user behaviour into segments: the same bytes at any number of ranks.\n\nJobs:\n";
    for (const auto& job : job_table()) help += fmt::format("  {:10} {}\n", job.name, job.summary);
    help +=
        "\nExamples:\n"
        "  kohort run --input events.csv                       everything, with defaults, into ./kohort-run\n"
        "  mpirun -n 4 kohort run --config configs/users_zh.conf --input events.csv --out out\n"
        "  kohort verify out                                   one digest for the whole run\n\n"
        "kohort JOB --help shows a job's options; kohort --version the build.\n"
        "Exit codes: 0 done, 2 usage, 3 input refused, 4 environment, 5 internal, 75 stopped with state saved.\n";
    return help;
}

std::string job_help(const std::string& job) {
    const auto& jobs = job_table();
    const auto spec = std::find_if(jobs.begin(), jobs.end(), [&](const auto& j) { return j.name == job; });
    std::string help = fmt::format("kohort {} - {}\n\n  {}\n\nOptions:\n", job, spec->summary, spec->example);
    for (const auto& option : option_table()) {
        if (!suits(option, job)) continue;
        std::string head = "--" + option.name;
        if (option.type == OptionType::choice) head += fmt::format(" {}", fmt::join(option.choices, "|"));
        else if (option.type == OptionType::flag) head += " [true|false]";
        else if (option.type == OptionType::integer || option.type == OptionType::integer_or_auto) head += " N";
        else if (option.type == OptionType::integers_or_auto) head += " N[,N...]";
        else if (option.type == OptionType::real) head += " X";
        else head += " TEXT";
        const std::string standard = option.standard.empty() ? "" : fmt::format(" [{}]", option.standard);
        help += fmt::format("  {:36} {}{}\n", head, option.help, standard);
    }
    help += "  --print-config                       print the effective configuration and exit\n  --help\n";
    return help;
}

}  // namespace kohort::jobs
