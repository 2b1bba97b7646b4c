#include "corpus/keyed_shuffle.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "base/hash.h"
#include "parallel/collectives.h"

namespace kohort::corpus {
namespace {

struct Head {
    std::uint64_t hash;
    std::int64_t offset;
    std::int32_t file;
    std::uint32_t key_size;
    std::uint64_t value_size;
};
static_assert(sizeof(Head) == 32);

// Records of one hash but several keys.
void sort_twins(std::vector<KeyedRecord>::iterator first, std::vector<KeyedRecord>::iterator last) {
    std::sort(first, last, [](const KeyedRecord& a, const KeyedRecord& b) {
        return std::tie(a.key, a.file, a.offset) < std::tie(b.key, b.file, b.offset);
    });
    for (auto record = first + 1; record != last; ++record)
        record->twin = record[-1].twin + (record->key != record[-1].key);
}

}  // namespace

void sort_records(std::vector<KeyedRecord>& records) {
    // Keys lie anywhere in memory and are equal wherever hashes are, but for a collision in 2^64: they are looked at
    // only afterwards.
    std::sort(records.begin(), records.end(), [](const KeyedRecord& a, const KeyedRecord& b) {
        return std::tie(a.hash, a.file, a.offset) < std::tie(b.hash, b.file, b.offset);
    });
    for (auto first = records.begin(); first != records.end();) {
        auto last = first + 1;
        bool collision = false;
        for (; last != records.end() && last->hash == first->hash; ++last) collision |= last->key != first->key;
        if (collision) sort_twins(first, last);
        first = last;
    }
}

int owner_of_hash(std::uint64_t hash, int ranks) {
    return static_cast<int>((static_cast<unsigned __int128>(hash) * static_cast<unsigned>(ranks)) >> 64);
}

KeyedShuffle::KeyedShuffle(parallel::Communicator& comm, std::int64_t round_bytes)
    : comm_(comm), round_bytes_(round_bytes), outgoing_(static_cast<std::size_t>(comm.size())) {}

void KeyedShuffle::add(std::int32_t file, std::int64_t offset, std::string_view key, std::string_view value) {
    const auto hash = base::hash64(key);
    pack(owner_of_hash(hash, comm_.size()), {hash, file, 0, offset, key, value, 0});
}

void KeyedShuffle::pack(int to, const KeyedRecord& record) {
    const Head head{record.hash, record.offset, record.file, static_cast<std::uint32_t>(record.key.size()), record.value.size()};
    auto& bytes = outgoing_[static_cast<std::size_t>(to)];
    const auto* raw = reinterpret_cast<const char*>(&head);
    bytes.insert(bytes.end(), raw, raw + sizeof head);
    bytes.insert(bytes.end(), record.key.begin(), record.key.end());
    bytes.insert(bytes.end(), record.value.begin(), record.value.end());
    collected_ += static_cast<std::int64_t>(sizeof head + record.key.size() + record.value.size());
}

void KeyedShuffle::exchange() {
    auto incoming = parallel::all_to_all(comm_, outgoing_);
    for (auto& block : incoming)
        if (!block.empty()) blocks_.push_back(std::move(block));
    for (auto& bytes : outgoing_) bytes.clear();
    collected_ = 0;
}

std::vector<KeyedRecord> KeyedShuffle::sorted() { return unpack_sorted(0); }

void KeyedShuffle::move_down(std::vector<KeyedRecord>& records, const std::function<int(std::uint64_t hash)>& owner) {
    const auto earlier_blocks = blocks_.size();
    // What goes stands at the beginning.
    const auto stays = std::partition_point(records.begin(), records.end(),
                                            [&](const KeyedRecord& record) { return owner(record.hash) < comm_.rank(); });
    for (auto record = records.begin(); record != stays; ++record) pack(owner(record->hash), *record);
    records.erase(records.begin(), stays);
    exchange();
    const auto arrived = unpack_sorted(earlier_blocks);  // from higher ranks, so of higher hashes
    records.insert(records.end(), arrived.begin(), arrived.end());
}

std::vector<KeyedRecord> KeyedShuffle::unpack_sorted(std::size_t first_block) const {
    std::vector<KeyedRecord> records;
    for (auto i = first_block; i < blocks_.size(); ++i) {
        const auto& block = blocks_[i];
        for (const char* at = block.data(); at < block.data() + block.size();) {
            Head head;
            std::memcpy(&head, at, sizeof head);
            const std::string_view key(at + sizeof head, head.key_size), value(key.data() + key.size(), head.value_size);
            at = value.data() + value.size();
            // The value is hashed here, where the bytes lie one after another.
            records.push_back({head.hash, head.file, 0, head.offset, key, value, base::hash64(value)});
        }
    }
    sort_records(records);
    return records;
}

}  // namespace kohort::corpus
