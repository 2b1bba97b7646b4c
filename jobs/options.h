// The command line and the configuration file: one table of options for all jobs, so that the same word means the
// same thing everywhere. Boost.Program_options parses; this file knows names, types, defaults and what suits a job.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kohort::jobs {

enum class OptionType { text, integer, integer_or_auto, integers_or_auto, real, flag, choice, list };

struct OptionSpec {
    std::string name;
    OptionType type;
    std::string standard;              // the default, as text; "" with type text: not set
    std::string jobs;                  // the jobs that take it, separated by blanks; "*": all
    std::string help;
    std::vector<std::string> choices;  // for OptionType::choice
    double least = -1e300, most = 1e300;  // of a number
};

const std::vector<OptionSpec>& option_table();

struct JobSpec {
    std::string name, summary, example;
};
const std::vector<JobSpec>& job_table();

class Options {
  public:
    explicit Options(std::string job) : job_(std::move(job)) {}

    const std::string& job() const { return job_; }
    // Values are checked when they are set; asking for a name that is not in the table is a programming error.
    const std::string& text(std::string_view name) const;
    std::int64_t integer(std::string_view name) const;
    std::optional<std::int64_t> integer_or_auto(std::string_view name) const;  // nothing: "auto"
    // Ascending and distinct; one for a single number, none for "auto".
    std::vector<std::int64_t> integers_or_auto(std::string_view name) const;
    double real(std::string_view name) const;
    bool flag(std::string_view name) const;
    std::vector<std::string> list(std::string_view name) const;
    bool names(std::string_view name) const;  // whether the job takes this option
    bool given(std::string_view name) const;  // by command line or file, not by default

    void set(const std::string& name, const std::string& value);  // checks type and choices: Error(usage)
    void assume(const std::string& name, const std::string& value);  // another default

    // The effective configuration as a file that runs (`--print-config`): every option of the job, in table order.
    std::string as_config() const;

  private:
    std::string job_;
    std::map<std::string, std::string, std::less<>> values_, assumed_;
};

struct CommandLine {
    std::string job;             // empty with help or version
    bool help = false, version = false, print_config = false;
    std::optional<Options> options;
};

// Throws base::Error(usage): an unknown job, option or key (naming the nearest), a bad value, an unreadable file.
CommandLine parse_command_line(int count, const char* const* arguments);

std::string general_help();
std::string job_help(const std::string& job);

// The candidate nearest to `word` by edit distance, or nothing where none is close.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace kohort::jobs
