#include "parallel/ticket_office.h"

#include <cstring>

#include "base/log.h"
#include "parallel/backoff.h"
#include "parallel/heartbeat.h"

namespace kohort::parallel {
namespace {

enum Tag : int { claim_tag = 1, release_tag = 2, first_reply_tag = 100 };
// Claims of one rank in flight at once (one a thread) have different reply tags.
constexpr int reply_tags = 20000;

struct Claim {
    std::int64_t counter;
    std::int64_t reply_tag;
};

template <class T>
std::string pack(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

template <class T>
T unpack(const std::string& bytes) {
    T value{};
    if (bytes.size() != sizeof(T)) base::fail(base::ErrorKind::internal, "a ticket message of {} bytes", bytes.size());
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
}

}  // namespace

class TicketOffice::Handle : public TicketCounter {
  public:
    Handle(TicketOffice& office, std::int64_t number) : office_(office), number_(number) {}
    ~Handle() override {
        try {
            office_.release(number_);
        } catch (const base::Error&) {
            // The carrier is broken: whoever communicates next reports it, and the counter ends with the job.
        }
    }
    std::int64_t next() override { return office_.claim(number_); }

  private:
    TicketOffice& office_;
    std::int64_t number_;
};

TicketOffice::TicketOffice(std::unique_ptr<Channel> channel, FailureControl& control)
    : channel_(std::move(channel)), control_(control) {
    if (channel_->rank() == 0 && channel_->size() > 1) server_ = std::thread([this] { serve(); });
}

TicketOffice::~TicketOffice() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (server_.joinable()) server_.join();
}

std::unique_ptr<TicketCounter> TicketOffice::make_counter() {
    const auto number = made_++;
    if (channel_->rank() == 0) {
        std::lock_guard lock(mutex_);
        counter_at(number);
        changed_.notify_all();
    }
    return std::make_unique<Handle>(*this, number);
}

// A claim from another rank may come before rank 0 has made the counter itself.
TicketOffice::Counter& TicketOffice::counter_at(std::int64_t number) {
    return counters_.try_emplace(number, Counter{0, channel_->size()}).first->second;
}

std::int64_t TicketOffice::claim(std::int64_t counter) {
    heartbeat();
    control_.check();
    if (channel_->rank() != 0) return claim_from_afar(counter);
    std::lock_guard lock(mutex_);
    return counter_at(counter).next++;
}

std::int64_t TicketOffice::claim_from_afar(std::int64_t counter) {
    const int reply_tag = first_reply_tag + static_cast<int>(static_cast<unsigned>(claims_++) % reply_tags);
    channel_->send(0, claim_tag, pack(Claim{counter, reply_tag}));
    Backoff backoff;
    for (;;) {
        if (const auto reply = channel_->receive(reply_tag)) return unpack<std::int64_t>(reply->payload);
        control_.check();
        heartbeat();
        backoff.pause();
    }
}

void TicketOffice::release(std::int64_t counter) {
    if (channel_->rank() == 0) release_local(counter);
    else channel_->send(0, release_tag, pack(counter));
}

void TicketOffice::release_local(std::int64_t number) {
    std::lock_guard lock(mutex_);
    if (--counter_at(number).users == 0) counters_.erase(number);
}

void TicketOffice::serve() {
    try {
        Backoff backoff;
        for (;;) {
            {
                std::unique_lock lock(mutex_);
                if (counters_.empty()) {
                    changed_.wait(lock, [this] { return stopping_ || !counters_.empty(); });
                    backoff = Backoff();
                }
                if (stopping_) return;
            }
            if (answer_one()) backoff = Backoff();
            else backoff.pause();
        }
    } catch (const std::exception& error) {
        base::print_error(error.what());
        control_.announce_reported(0, static_cast<int>(base::ErrorKind::internal));
    }
}

bool TicketOffice::answer_one() {
    bool found = false;
    if (const auto message = channel_->receive(claim_tag)) {
        const auto claim = unpack<Claim>(message->payload);
        std::unique_lock lock(mutex_);
        const auto ticket = counter_at(claim.counter).next++;
        lock.unlock();
        channel_->send(message->from, static_cast<int>(claim.reply_tag), pack(ticket));
        found = true;
    }
    if (const auto message = channel_->receive(release_tag)) {
        release_local(unpack<std::int64_t>(message->payload));
        found = true;
    }
    return found;
}

}  // namespace kohort::parallel
