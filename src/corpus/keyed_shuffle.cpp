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

}  // namespace

bool operator<(const KeyedRecord& a, const KeyedRecord& b) {
    return std::tie(a.hash, a.key, a.file, a.offset) < std::tie(b.hash, b.key, b.file, b.offset);
}

int owner_of_hash(std::uint64_t hash, int ranks) {
    return static_cast<int>((static_cast<unsigned __int128>(hash) * static_cast<unsigned>(ranks)) >> 64);
}

KeyedShuffle::KeyedShuffle(parallel::Communicator& comm, std::int64_t round_bytes)
    : comm_(comm), round_bytes_(round_bytes), outgoing_(static_cast<std::size_t>(comm.size())) {}

void KeyedShuffle::add(std::int32_t file, std::int64_t offset, std::string_view key, std::string_view value) {
    const auto hash = base::hash64(key);
    pack(owner_of_hash(hash, comm_.size()), {hash, file, offset, key, value});
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

void KeyedShuffle::unpack(const std::vector<char>& block, std::vector<KeyedRecord>& records) const {
    for (const char* at = block.data(); at < block.data() + block.size();) {
        Head head;
        std::memcpy(&head, at, sizeof head);
        const char* const key = at + sizeof head;
        const char* const value = key + head.key_size;
        at = value + head.value_size;
        records.push_back({head.hash, head.file, head.offset, {key, head.key_size}, {value, head.value_size}});
    }
}

std::vector<KeyedRecord> KeyedShuffle::sorted() {
    std::vector<KeyedRecord> records;
    merge_arrivals(0, records);
    return records;
}

void KeyedShuffle::merge_arrivals(std::size_t first_block, std::vector<KeyedRecord>& records) const {
    for (auto block = first_block; block < blocks_.size(); ++block) unpack(blocks_[block], records);
    std::sort(records.begin(), records.end());
}

}  // namespace kohort::corpus
