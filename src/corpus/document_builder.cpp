#include "corpus/document_builder.h"

#include <algorithm>

namespace kohort::corpus {
namespace {

void append_events(const KeyedRecord& record, std::vector<EventView>& events) {
    EventReader reader(record.value);
    for (EventView event; reader.next(event);) events.push_back(event);
}

}  // namespace

std::vector<std::string_view> items_without_text(const std::vector<KeyedRecord>& records) {
    std::vector<std::string_view> items;
    EventView event;
    for (const auto& record : records) {
        EventReader events(record.value);
        while (events.next(event))
            if (event.text.empty() && !event.item.empty()) items.push_back(event.item);
    }
    std::sort(items.begin(), items.end());
    items.erase(std::unique(items.begin(), items.end()), items.end());
    return items;
}

DocumentBuilder::DocumentBuilder(const std::vector<KeyedRecord>& records, std::vector<std::string> behaviors,
                                 std::unordered_map<std::string, std::string> item_texts)
    : records_(records), behaviors_(std::move(behaviors)), item_texts_(std::move(item_texts)) {}

Partition DocumentBuilder::build(std::int32_t index, std::int32_t partitions) const {
    const auto before = [](const KeyedRecord& record, std::uint64_t hash) { return record.hash < hash; };
    auto at = std::lower_bound(records_.begin(), records_.end(), first_hash_of(index, partitions), before);
    const auto end = index + 1 == partitions
                         ? records_.end()
                         : std::lower_bound(at, records_.end(), first_hash_of(index + 1, partitions), before);
    Partition partition;
    partition.index = index;
    partition.behaviors = behaviors_;
    std::vector<EventView> events;
    while (at != end) {
        UserDocument user;
        user.id = at->key;
        const auto first = at;
        events.clear();
        for (; at != end && same_key(*at, *first); ++at) append_events(*at, events);
        std::stable_sort(events.begin(), events.end(), [](const EventView& a, const EventView& b) { return a.time < b.time; });
        for (const auto& event : events) user.events.push_back(document_event(event));
        partition.users.push_back(std::move(user));
    }
    return partition;
}

Event DocumentBuilder::document_event(const EventView& view) const {
    const auto behavior = std::lower_bound(behaviors_.begin(), behaviors_.end(), view.behavior) - behaviors_.begin();
    Event event{view.time.seconds, static_cast<std::int32_t>(behavior), std::string(view.item), std::string(view.text)};
    if (event.text.empty() && !event.item.empty())
        if (const auto found = item_texts_.find(event.item); found != item_texts_.end()) event.text = found->second;
    return event;
}

}  // namespace kohort::corpus
