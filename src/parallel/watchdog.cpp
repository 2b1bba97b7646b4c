#include "parallel/watchdog.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/log.h"
#include "parallel/activity_table.h"

namespace kohort::parallel {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int report_tag = 1;
constexpr int internal = static_cast<int>(base::ErrorKind::internal);

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "an unknown host";
}

}  // namespace

Watchdog::Watchdog(std::unique_ptr<Channel> channel, FailureControl& control, std::chrono::milliseconds limit,
                   std::chrono::milliseconds grace, std::function<std::uint64_t()> beats,
                   std::function<void(int)> end_job)
    : channel_(std::move(channel)),
      control_(control),
      limit_(limit),
      grace_(grace),
      beats_(std::move(beats)),
      end_job_(std::move(end_job)) {
    if (limit_ > 0ms) thread_ = std::thread([this] { watch(); });
}

Watchdog::~Watchdog() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

bool Watchdog::sleep_for(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return stopping_; });
}

void Watchdog::watch() {
    const int me = channel_->rank();
    const auto host = host_name();
    const auto interval = std::clamp<std::chrono::milliseconds>(limit_ / 8, 10ms, 5s);
    // Rank 1 watches rank 0 only, and counts its reports, not what they say: that is rank 0's own affair.
    ActivityTable table(me == 0 ? channel_->size() : 1, limit_, Clock::now());
    std::vector<std::string> hosts(static_cast<std::size_t>(channel_->size()), host);
    std::uint64_t reports = 0;
    try {
        while (sleep_for(interval)) {
            const auto beats = beats_();
            const int watcher = me == 0 ? 1 : 0;
            if (watcher < channel_->size())
                channel_->send(watcher, report_tag, std::string(reinterpret_cast<const char*>(&beats), sizeof beats) + host);
            if (me > 1) continue;
            if (me == 0) table.report(0, beats, Clock::now());
            while (const auto message = channel_->receive(report_tag)) {
                std::uint64_t theirs = 0;
                std::memcpy(&theirs, message->payload.data(), std::min(sizeof theirs, message->payload.size()));
                hosts[static_cast<std::size_t>(message->from)] = message->payload.substr(sizeof theirs);
                table.report(message->from, me == 0 ? theirs : ++reports, Clock::now());
            }
            if (const auto silent = table.silent_rank(Clock::now())) {
                accuse(*silent, hosts[static_cast<std::size_t>(*silent)]);
                return;
            }
        }
    } catch (const std::exception& error) {
        // The carrier fails in this thread first; the rank's own operations will meet the same error and report it.
        base::log_warning("the watchdog has ended: {}", error.what());
    }
}

void Watchdog::accuse(int rank, const std::string& host) {
    // A rank that fails in its own way speaks for itself, when the ranks meet; here only the end is seen to.
    if (!control_.any_failed()) {
        base::print_error(fmt::format(
            "rank {} on {} has shown no sign of life for {} s and is taken for hanging; look at that node, or raise "
            "--watchdog if a step of its work really takes so long",
            rank, host, static_cast<double>(limit_.count()) / 1000));
        control_.announce_reported(rank, internal);
    }
    if (sleep_for(grace_)) end_job_(internal);
}

}  // namespace kohort::parallel
