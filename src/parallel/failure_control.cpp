#include "parallel/failure_control.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "parallel/backoff.h"
#include "parallel/heartbeat.h"

namespace kohort::parallel {
namespace {

using Clock = std::chrono::steady_clock;

enum Tag : int { notice_tag = 1, arrived_tag, host_is_here_tag, leave_tag };

constexpr std::size_t longest_message = 3000;
constexpr int no_failure = 0;

struct Notice {
    std::int32_t rank, exit_code, reported;
};
struct Arrival {
    std::int32_t exit_code, clean;  // followed by the message
};
struct Leave {
    std::int32_t exit_code, clean;
};

template <class T>
std::string pack(const T& value, std::string_view text = {}) {
    std::string bytes(sizeof(T), '\0');
    std::memcpy(bytes.data(), &value, sizeof(T));
    return bytes.append(text.substr(0, longest_message));
}

template <class T>
T unpack(const std::string& bytes) {
    T value{};
    std::memcpy(&value, bytes.data(), std::min(sizeof(T), bytes.size()));
    return value;
}

}  // namespace

FailureControl::FailureControl(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}

void FailureControl::announce(int exit_code) {
    {
        std::lock_guard lock(mutex_);
        if (std::exchange(announced_, true)) return;
    }
    note(channel_->rank(), exit_code, false);
    for (int to = 0; to < channel_->size(); ++to)
        if (to != channel_->rank()) channel_->send(to, notice_tag, pack(Notice{channel_->rank(), exit_code, 0}));
}

void FailureControl::announce_reported(int rank, int exit_code) {
    note(rank, exit_code, true);
    for (int to = 0; to < channel_->size(); ++to)
        if (to != channel_->rank()) channel_->send(to, notice_tag, pack(Notice{rank, exit_code, 1}));
}

void FailureControl::note(int rank, int exit_code, bool reported) {
    std::lock_guard lock(mutex_);
    const auto [known, added] = known_.try_emplace(rank);
    if (added) known->second.exit_code = exit_code;
    known->second.reported |= reported;
    if (rank != channel_->rank() || reported) peer_failed_ = true;
}

void FailureControl::look_for_notices() {
    while (const auto message = channel_->receive(notice_tag)) {
        const auto notice = unpack<Notice>(message->payload);
        note(notice.rank, notice.exit_code, notice.reported != 0);
    }
}

bool FailureControl::peer_failed() {
    if (!peer_failed_) look_for_notices();
    return peer_failed_;
}

bool FailureControl::any_failed() { return peer_failed() || first_failed() >= 0; }

void FailureControl::check() {
    if (!peer_failed()) return;
    std::lock_guard lock(mutex_);
    for (const auto& [rank, known] : known_)
        if (rank != channel_->rank() || known.reported) throw PeerError(rank, known.exit_code);
}

int FailureControl::first_failed() const {
    std::lock_guard lock(mutex_);
    return known_.empty() ? -1 : known_.begin()->first;
}

bool FailureControl::reported() const {
    std::lock_guard lock(mutex_);
    return std::any_of(known_.begin(), known_.end(), [](const auto& k) { return k.second.reported; });
}

Parting FailureControl::part(const std::optional<Failure>& own, bool clean, std::chrono::milliseconds patience,
                             const std::function<void(const Failure&)>& report) {
    if (own) {
        announce(own->exit_code);
        std::lock_guard lock(mutex_);
        known_[channel_->rank()].message = own->message;
    }
    return channel_->rank() == 0 ? part_as_host(clean, patience, report) : part_as_guest(own, clean, patience, report);
}

Parting FailureControl::part_as_host(bool clean, std::chrono::milliseconds patience,
                                     const std::function<void(const Failure&)>& report) {
    for (int to = 1; to < channel_->size(); ++to) channel_->send(to, host_is_here_tag, {});
    std::vector<bool> here(static_cast<std::size_t>(channel_->size()), false);
    here[0] = true;
    int missing = channel_->size() - 1;
    Backoff backoff;
    while (missing > 0 && backoff.waited() < patience) {
        look_for_notices();
        while (const auto message = channel_->receive(arrived_tag)) {
            const auto arrival = unpack<Arrival>(message->payload);
            if (arrival.exit_code != no_failure) {
                note(message->from, arrival.exit_code, false);
                std::lock_guard lock(mutex_);
                known_[message->from].message = message->payload.substr(sizeof(Arrival));
            }
            clean = clean && arrival.clean != 0;
            const auto from = static_cast<std::size_t>(message->from);
            missing -= here[from] ? 0 : 1;
            here[from] = true;
        }
        heartbeat();
        if (missing > 0) backoff.pause();
    }
    look_for_notices();

    // What was printed before the meeting (a rank found hanging) counts; then the lowest rank that says why.
    Failure failure{static_cast<int>(base::ErrorKind::internal), {}};
    bool reported = false;
    {
        std::lock_guard lock(mutex_);
        const auto printed = std::find_if(known_.begin(), known_.end(), [](const auto& k) { return k.second.reported; });
        const auto told =
            std::find_if(known_.begin(), known_.end(), [](const auto& k) { return k.second.message.has_value(); });
        if (printed != known_.end()) {
            reported = true;
            failure.exit_code = printed->second.exit_code;
        } else if (told != known_.end()) {
            failure = {told->second.exit_code, *told->second.message};
        } else if (!known_.empty()) {
            failure = {known_.begin()->second.exit_code,
                       fmt::format("rank {} failed without saying why", known_.begin()->first)};
        }
    }
    if (!reported) report(failure);
    const Parting parting{failure.exit_code, missing == 0, missing == 0 && clean};
    for (int to = 1; to < channel_->size(); ++to)
        if (here[static_cast<std::size_t>(to)])
            channel_->send(to, leave_tag, pack(Leave{parting.exit_code, parting.clean ? 1 : 0}));
    return parting;
}

Parting FailureControl::part_as_guest(const std::optional<Failure>& own, bool clean, std::chrono::milliseconds patience,
                                      const std::function<void(const Failure&)>& report) {
    const int me = channel_->rank();
    channel_->send(0, arrived_tag,
                   pack(Arrival{own ? own->exit_code : no_failure, clean ? 1 : 0}, own ? own->message : std::string()));
    const auto margin = patience / 10;
    bool host_is_here = false;
    Backoff backoff;
    for (;;) {
        look_for_notices();
        if (const auto message = channel_->receive(leave_tag)) {
            const auto leave = unpack<Leave>(message->payload);
            return {leave.exit_code, true, leave.clean != 0};
        }
        host_is_here |= channel_->receive(host_is_here_tag).has_value();
        // The host decides once it is there. Without it the lowest failed rank acts first, then the other failed
        // ones, and then those who have nothing to say.
        const auto turn = first_failed() == me ? margin : patience + (own ? 1 : 2) * margin;
        if (backoff.waited() >= (host_is_here ? 3 * patience : patience) + turn) break;
        heartbeat();
        backoff.pause();
    }
    // The others are told before this rank acts: what follows here ends the job by force, and the launcher may take
    // longer over that than the others have patience.
    if (own && !reported()) {
        announce_reported(me, own->exit_code);
        report(*own);
    }
    std::lock_guard lock(mutex_);
    const int code = own ? own->exit_code
                         : known_.empty() ? static_cast<int>(base::ErrorKind::internal) : known_.begin()->second.exit_code;
    return {code, false, false};
}

}  // namespace kohort::parallel
