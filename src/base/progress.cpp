#include "base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/log.h"

namespace kohort::base {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto terminal_interval = std::chrono::milliseconds(200);
constexpr auto plain_interval = std::chrono::seconds(10);

}  // namespace

std::string human_duration(double seconds) {
    if (seconds < 60) return fmt::format("{:.1f} s", seconds);
    const auto whole = static_cast<std::int64_t>(seconds + 0.5);
    if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string human_count(std::int64_t count) {
    std::string digits = fmt::format("{}", count);
    for (auto at = static_cast<std::int64_t>(digits.size()) - 3; at > (count < 0 ? 1 : 0); at -= 3)
        digits.insert(static_cast<std::size_t>(at), ",");
    return digits;
}

std::string counted(std::int64_t count, std::string_view units) {
    if (count == 1) units.remove_suffix(1);
    return fmt::format("{} {}", human_count(count), units);
}

std::string human_bytes(std::int64_t bytes) {
    if (bytes < std::int64_t{10} << 10) return counted(bytes, "bytes");
    if (bytes < std::int64_t{10} << 20) return fmt::format("{} KiB", bytes >> 10);
    if (bytes < std::int64_t{1} << 30) return fmt::format("{} MiB", bytes >> 20);
    return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1 << 30));
}

Progress::Progress(std::string stage, std::int64_t total, std::string unit, bool visible)
    : stage_(std::move(stage)), unit_(std::move(unit)), total_(total), visible_(visible),
      terminal_(::isatty(STDERR_FILENO) != 0), start_(Clock::now()),
      next_(start_ + (terminal_ ? Clock::duration(terminal_interval) : Clock::duration(plain_interval))) {}

Progress::~Progress() {
    if (!finished_ && done_.load() > 0) show(true);
}

void Progress::advance(std::int64_t amount) {
    done_.fetch_add(amount);
    show(false);
}

void Progress::set(std::int64_t done) {
    done_.store(done);
    show(false);
}

void Progress::begin_at(std::int64_t done) {
    before_ = done;
    set(done);
}

void Progress::note(const std::string& text) {
    std::lock_guard lock(mutex_);
    note_ = text;
}

void Progress::finish() {
    if (finished_) return;
    finished_ = true;
    show(true);
}

std::string Progress::amount(std::int64_t count) const { return unit_ == "bytes" ? human_bytes(count) : counted(count, unit_); }

void Progress::show(bool last) {
    if (!visible_) return;
    std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (!last && now < next_) return;
    next_ = now + (terminal_ ? Clock::duration(terminal_interval) : Clock::duration(plain_interval));
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const auto done = done_.load();
    const double rate = seconds > 0 ? static_cast<double>(done - before_) / seconds : 0;
    std::string line = stage_ + ": ";
    if (total_ >= 0 && !last) line += unit_ == "bytes" ? amount(done) + " of " : human_count(done) + " of ";
    line += amount(total_ >= 0 && !last ? total_ : done);
    if (before_ > 0) line += fmt::format(", {} of them now", unit_ == "bytes" ? amount(done - before_) : human_count(done - before_));
    line += fmt::format(" in {}, ", human_duration(seconds));
    line += unit_ == "bytes" ? human_bytes(static_cast<std::int64_t>(rate)) + "/s"
                             : fmt::format("{:.{}f} {}/s", rate, rate < 10 ? 2 : 0, unit_);
    if (!last && total_ > done && rate > 0)
        line += fmt::format(", {} left", human_duration(static_cast<double>(total_ - done) / rate));
    if (!note_.empty()) line += ", " + note_;
    if (terminal_ && !last) {
        std::fprintf(stderr, "\r\033[K%s", line.c_str());
        std::fflush(stderr);
        return;
    }
    if (terminal_) std::fputs("\r\033[K", stderr);
    log_info("{}", line);
}

}  // namespace kohort::base
