#include "corpus/user_document.h"

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "store/partition_file.h"

namespace kohort::corpus {
namespace {

constexpr std::int32_t least_partitions = 64;
constexpr std::int32_t most_partitions = 65'536;
constexpr std::int64_t users_per_partition = 1024;

// Strings one after another, and where each begins: [n + 1] offsets.
struct PackedStrings {
    std::vector<std::int64_t> offsets{0};
    std::vector<std::uint8_t> bytes;

    void add(std::string_view text) {
        const auto* raw = reinterpret_cast<const std::uint8_t*>(text.data());
        bytes.insert(bytes.end(), raw, raw + text.size());
        offsets.push_back(static_cast<std::int64_t>(bytes.size()));
    }
};

class PackedStringsView {
  public:
    PackedStringsView(const store::PartitionReader& file, const std::string& name, std::size_t count,
                      const std::filesystem::path& path)
        : offsets_(file.read<std::int64_t>(name + "_offset")), bytes_(file.read<std::uint8_t>(name + "_bytes")) {
        const bool sound = offsets_.size() == count + 1 && offsets_.front() == 0 &&
                           std::is_sorted(offsets_.begin(), offsets_.end()) &&
                           offsets_.back() == static_cast<std::int64_t>(bytes_.size());
        if (!sound)
            base::fail(base::ErrorKind::environment, "{}: {}_offset does not fit its bytes; the file is damaged",
                       path.string(), name);
    }

    std::string at(std::size_t i) const {
        return {bytes_.begin() + offsets_[i], bytes_.begin() + offsets_[i + 1]};
    }

  private:
    std::vector<std::int64_t> offsets_;
    std::vector<std::uint8_t> bytes_;
};

}  // namespace

std::int32_t partition_of_hash(std::uint64_t hash, std::int32_t partitions) {
    return static_cast<std::int32_t>((static_cast<unsigned __int128>(hash) * static_cast<std::uint32_t>(partitions)) >> 64);
}

std::int32_t partition_of(std::string_view id, std::int32_t partitions) {
    return partition_of_hash(base::hash64(id), partitions);
}

std::uint64_t first_hash_of(std::int32_t partition, std::int32_t partitions) {
    // The least h with h * partitions >= partition * 2^64.
    const auto numerator = static_cast<unsigned __int128>(static_cast<std::uint32_t>(partition)) << 64;
    const auto divisor = static_cast<std::uint32_t>(partitions);
    return static_cast<std::uint64_t>((numerator + divisor - 1) / divisor);
}

std::int32_t partition_count(std::int64_t rows) {
    const std::int64_t wanted = rows / users_per_partition + (rows % users_per_partition != 0);
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(wanted, least_partitions, most_partitions));
}

std::string partition_path(std::int32_t partition) { return "corpus/" + store::partition_file_name(partition); }

std::string corpus_index_path() { return "corpus/index.h5"; }

std::string write_partition(const std::filesystem::path& run, std::string_view key, const Partition& partition,
                            std::int32_t partitions, std::int64_t id_width) {
    std::vector<std::string> ids;
    std::vector<std::int32_t> events, behavior;
    std::vector<std::int64_t> event_offset{0}, time;
    PackedStrings texts, items;
    for (const auto& user : partition.users) {
        ids.push_back(user.id);
        events.push_back(static_cast<std::int32_t>(user.events.size()));
        event_offset.push_back(event_offset.back() + events.back());
        for (const auto& event : user.events) {
            time.push_back(event.time);
            behavior.push_back(event.behavior);
            texts.add(event.text);
            items.add(event.item);
        }
    }

    using store::Filter;
    store::PartitionWriter file(run / partition_path(partition.index), "corpus", key);
    file.write_strings("/obs/_index", ids, id_width);
    file.write("/obs/events", events, Filter::deflate);
    file.write("/document/event_offset", event_offset, Filter::deflate);
    file.write("/document/time", time, Filter::deflate);
    file.write("/document/behavior", behavior, Filter::deflate);
    file.write("/document/text_offset", texts.offsets, Filter::deflate);
    file.write("/document/text_bytes", texts.bytes, Filter::deflate);
    file.write("/document/item_offset", items.offsets, Filter::deflate);
    file.write("/document/item_bytes", items.bytes, Filter::deflate);
    file.set_attribute("/", "partition", std::int64_t{partition.index});
    file.set_attribute("/", "partitions", std::int64_t{partitions});
    file.set_attribute("/", "id_width", id_width);
    file.set_attribute("/", "behaviors", partition.behaviors);
    file.set_attribute("/", "users", static_cast<std::int64_t>(ids.size()));
    return file.commit();
}

Partition read_partition(const std::filesystem::path& run, std::int32_t partition) {
    const auto path = run / partition_path(partition);
    const store::PartitionReader file(path);
    const auto event_offset = file.read<std::int64_t>("/document/event_offset");
    const auto time = file.read<std::int64_t>("/document/time");
    const auto behavior = file.read<std::int32_t>("/document/behavior");
    auto ids = file.read_strings("/obs/_index");
    if (event_offset.size() != ids.size() + 1 || event_offset.front() != 0 ||
        !std::is_sorted(event_offset.begin(), event_offset.end()) ||
        event_offset.back() != static_cast<std::int64_t>(time.size()) || behavior.size() != time.size())
        base::fail(base::ErrorKind::environment, "{}: /document/event_offset does not fit its events; the file is damaged",
                   path.string());
    const PackedStringsView texts(file, "/document/text", time.size(), path);
    const PackedStringsView items(file, "/document/item", time.size(), path);

    Partition result;
    result.index = partition;
    result.behaviors = file.strings_attribute("/", "behaviors");
    result.users.resize(ids.size());
    for (std::size_t u = 0; u < ids.size(); ++u) {
        result.users[u].id = std::move(ids[u]);
        for (auto e = static_cast<std::size_t>(event_offset[u]); e < static_cast<std::size_t>(event_offset[u + 1]); ++e)
            result.users[u].events.push_back({time[e], behavior[e], items.at(e), texts.at(e)});
    }
    return result;
}

std::string write_corpus_index(const std::filesystem::path& run, std::string_view key, const CorpusInfo& info) {
    using store::Filter;
    store::PartitionWriter file(run / corpus_index_path(), "corpus", key);
    file.write("/partition/users", info.users, Filter::deflate);
    file.write("/partition/events", info.events, Filter::deflate);
    file.write("/partition/text_bytes", info.text_bytes, Filter::deflate);
    file.set_attribute("/", "partitions", std::int64_t{info.partitions});
    file.set_attribute("/", "id_width", info.id_width);
    file.set_attribute("/", "behaviors", info.behaviors);
    return file.commit();
}

CorpusInfo read_corpus_info(const std::filesystem::path& run) {
    const auto path = run / corpus_index_path();
    if (!std::filesystem::exists(path))
        base::fail(base::ErrorKind::usage, "{} is missing: {} holds no complete corpus; run `kohort ingest` first",
                   path.string(), run.string());
    const store::PartitionReader file(path);
    CorpusInfo info;
    info.partitions = static_cast<std::int32_t>(file.integer_attribute("/", "partitions"));
    info.id_width = file.integer_attribute("/", "id_width");
    info.behaviors = file.strings_attribute("/", "behaviors");
    info.users = file.read<std::int64_t>("/partition/users");
    info.events = file.read<std::int64_t>("/partition/events");
    info.text_bytes = file.read<std::int64_t>("/partition/text_bytes");
    const auto count = static_cast<std::size_t>(info.partitions);
    if (info.users.size() != count || info.events.size() != count || info.text_bytes.size() != count)
        base::fail(base::ErrorKind::environment, "{}: its tables do not have {} rows; the file is damaged", path.string(), count);
    return info;
}

}  // namespace kohort::corpus
