#include "corpus/event_codec.h"

#include <array>
#include <cstring>

namespace kohort::corpus {
namespace {

struct Head {
    std::int64_t seconds;
    std::array<std::uint32_t, 3> sizes;
    std::int32_t nanoseconds;  // with it, a head has no padding: no byte is left undefined
};
static_assert(sizeof(Head) == 24);

}  // namespace

void append_event(std::string& bytes, const EventView& event) {
    const Head head{event.time.seconds,
                    {static_cast<std::uint32_t>(event.behavior.size()), static_cast<std::uint32_t>(event.item.size()),
                     static_cast<std::uint32_t>(event.text.size())},
                    event.time.nanoseconds};
    bytes.append(reinterpret_cast<const char*>(&head), sizeof head);
    bytes += event.behavior;
    bytes += event.item;
    bytes += event.text;
}

bool EventReader::next(EventView& event) {
    if (bytes_.empty()) return false;
    Head head;
    std::memcpy(&head, bytes_.data(), sizeof head);
    bytes_.remove_prefix(sizeof head);
    event.time = {head.seconds, head.nanoseconds};
    std::size_t part = 0;
    for (auto* view : {&event.behavior, &event.item, &event.text}) {
        *view = bytes_.substr(0, head.sizes[part]);
        bytes_.remove_prefix(head.sizes[part++]);
    }
    return true;
}

}  // namespace kohort::corpus
