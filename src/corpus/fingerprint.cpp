#include "corpus/fingerprint.h"

#include <fmt/format.h>

#include "base/hash.h"

namespace kohort::corpus {

void Fingerprint::add_block(std::int64_t number, std::string_view content) {
    // The seeds of different blocks and sums never meet: 2 * number and 2 * number + 1.
    const auto seed = static_cast<std::uint64_t>(number) * 2;
    sums[0] += base::hash64(content, seed);
    sums[1] += base::hash64(content, seed + 1);
    bytes += content.size();
}

std::string Fingerprint::text() const { return fmt::format("{} bytes {:016x}{:016x}", bytes, sums[0], sums[1]); }

}  // namespace kohort::corpus
