#include "base/log.h"

#include <fcntl.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/error.h"

namespace kohort::base {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warning: return spdlog::level::warn;
        case LogLevel::error: return spdlog::level::err;
        case LogLevel::off: return spdlog::level::off;
    }
    return spdlog::level::info;
}

spdlog::logger& logger() {
    static spdlog::logger instance = [] {
        spdlog::logger made("kohort", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made.set_pattern("%H:%M:%S %^%l%$ %v");
        made.flush_on(spdlog::level::info);
        return made;
    }();
    return instance;
}

}  // namespace

LogLevel parse_log_level(std::string_view name) {
    if (name == "debug") return LogLevel::debug;
    if (name == "info") return LogLevel::info;
    if (name == "warning") return LogLevel::warning;
    if (name == "error") return LogLevel::error;
    if (name == "off") return LogLevel::off;
    fail(ErrorKind::usage, "--log-level {}: choose one of debug, info, warning, error, off", name);
}

void set_up_log(LogLevel level, int rank) {
    logger().set_level(spdlog::level::debug);
    logger().sinks().front()->set_level(rank == 0 ? to_spdlog(level)
                                                  : std::max(to_spdlog(level), spdlog::level::warn));
}

void log_to_file(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor < 0) fail_errno(fmt::format("open the log file {}", path.string()));
    ::close(descriptor);
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
    sink->set_level(spdlog::level::debug);
    sink->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
    auto& sinks = logger().sinks();
    sinks.resize(1);
    sinks.push_back(std::move(sink));
}

void log_line(LogLevel level, std::string_view message) {
    logger().log(to_spdlog(level), "{}", message);
}

void print_error(std::string_view message) {
    std::string line = "error: ";
    line += message;
    std::replace(line.begin(), line.end(), '\n', ' ');
    line += '\n';
    // One write, so that lines of several ranks cannot mix.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
    if (logger().sinks().size() > 1) logger().sinks()[1]->log({"kohort", spdlog::level::err, std::string(message)});
}

}  // namespace kohort::base
