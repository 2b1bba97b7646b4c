// Log lines for people: to standard error and, where a run folder exists, to a file in its log/.
// Never pass a raw user id or a user's text to these functions.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace kohort::base {

enum class LogLevel { debug, info, warning, error, off };

LogLevel parse_log_level(std::string_view name);  // throws Error(usage) for an unknown name

// Sets what is shown on standard error. Ranks other than 0 show warnings and errors only.
void set_up_log(LogLevel level, int rank);

// From now on every line also goes to this file (created with mode 0600, appended to).
void log_to_file(const std::filesystem::path& path);

void log_line(LogLevel level, std::string_view message);

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
    log_line(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
    log_line(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
    log_line(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}

// Prints the one line "error: MESSAGE" on standard error (line breaks in it become spaces), whatever the level.
void print_error(std::string_view message);

}  // namespace kohort::base
