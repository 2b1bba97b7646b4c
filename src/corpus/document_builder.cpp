#include "corpus/document_builder.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "corpus/event_codec.h"
#include "parallel/collectives.h"

namespace kohort::corpus {
namespace {

[[noreturn]] void fail_behaviors() {
    base::fail(base::ErrorKind::usage,
               "the behavior column has more than {} different values, so it is none; name the right one with "
               "--behavior-column, or say --behavior-column none",
               most_behaviors);
}

}  // namespace

std::vector<std::string> collect_behaviors(parallel::Communicator& comm, const std::vector<KeyedRecord>& records) {
    std::set<std::string, std::less<>> names;
    EventView event;
    for (const auto& record : records) {
        EventReader events(record.value);
        while (names.size() <= most_behaviors && events.next(event))
            if (!names.contains(event.behavior)) names.emplace(event.behavior);
    }
    std::string mine;
    for (const auto& name : names) mine.append(name).push_back('\0');  // cleaned text holds no NUL
    const auto all = parallel::all_gather(comm, std::span<const char>(mine));
    for (auto first = all.begin(); first != all.end();) {
        const auto last = std::find(first, all.end(), '\0');
        names.emplace(first, last);
        first = last + 1;
    }
    if (names.size() > most_behaviors) fail_behaviors();
    return {names.begin(), names.end()};
}

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
    while (at != end) {
        UserDocument user;
        user.id = at->key;
        for (; at != end && at->key == user.id; ++at) append_events(*at, user.events);
        std::stable_sort(user.events.begin(), user.events.end(),
                         [](const Event& a, const Event& b) { return a.time < b.time; });
        partition.users.push_back(std::move(user));
    }
    return partition;
}

void DocumentBuilder::append_events(const KeyedRecord& record, std::vector<Event>& events) const {
    EventReader reader(record.value);
    for (EventView view; reader.next(view);) {
        const auto behavior = std::lower_bound(behaviors_.begin(), behaviors_.end(), view.behavior) - behaviors_.begin();
        Event event{view.time, static_cast<std::int32_t>(behavior), std::string(view.item), std::string(view.text)};
        if (event.text.empty() && !event.item.empty())
            if (const auto found = item_texts_.find(event.item); found != item_texts_.end()) event.text = found->second;
        events.push_back(std::move(event));
    }
}

}  // namespace kohort::corpus
