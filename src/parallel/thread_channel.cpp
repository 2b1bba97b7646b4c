#include "parallel/thread_channel.h"

#include <deque>
#include <map>
#include <mutex>
#include <utility>

namespace kohort::parallel {
namespace {

struct Mailboxes {
    explicit Mailboxes(int ranks) : size(ranks) {}
    const int size;
    std::mutex mutex;
    std::map<std::pair<int, int>, std::deque<Message>> waiting;  // by (receiver, tag)
};

class ThreadChannel : public Channel {
  public:
    ThreadChannel(std::shared_ptr<Mailboxes> boxes, int rank) : boxes_(std::move(boxes)), rank_(rank) {}

    int rank() const override { return rank_; }
    int size() const override { return boxes_->size; }

    void send(int to, int tag, std::string_view payload) override {
        std::lock_guard lock(boxes_->mutex);
        boxes_->waiting[{to, tag}].push_back({rank_, std::string(payload)});
    }

    std::optional<Message> receive(int tag) override {
        std::lock_guard lock(boxes_->mutex);
        const auto box = boxes_->waiting.find({rank_, tag});
        if (box == boxes_->waiting.end() || box->second.empty()) return std::nullopt;
        auto message = std::move(box->second.front());
        box->second.pop_front();
        return message;
    }

  private:
    std::shared_ptr<Mailboxes> boxes_;
    int rank_;
};

}  // namespace

std::vector<std::unique_ptr<Channel>> make_thread_channels(int ranks) {
    const auto boxes = std::make_shared<Mailboxes>(ranks);
    std::vector<std::unique_ptr<Channel>> channels;
    for (int rank = 0; rank < ranks; ++rank) channels.push_back(std::make_unique<ThreadChannel>(boxes, rank));
    return channels;
}

}  // namespace kohort::parallel
