// Small messages between ranks, for what must not wait for a collective: failure notices, tickets, signs of life.
// The carriers of data (MPI, threads) each have one kind; the protocols above know this class only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace kohort::parallel {

struct Message {
    int from = 0;
    std::string payload;
};

// Every function is thread-safe and returns at once. Messages of one sender and tag arrive in the order sent.
class Channel {
  public:
    virtual ~Channel() = default;

    virtual int rank() const = 0;
    virtual int size() const = 0;

    // 0 <= tag <= 30000. The payload is copied; it should stay below 4 KiB, so that it leaves without the
    // receiver's help. A rank may send to itself.
    virtual void send(int to, int tag, std::string_view payload) = 0;

    // The next message with this tag that has arrived, from whichever rank.
    virtual std::optional<Message> receive(int tag) = 0;
};

}  // namespace kohort::parallel
