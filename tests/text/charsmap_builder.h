// Makes the bytes of a precompiled charsmap from a list of rules: plainly, every node's children in a block of their own.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace kohort::text {

inline std::string charsmap_bytes(const std::map<std::string, std::string>& rules) {
    std::vector<std::uint32_t> units(256, 0);
    std::string texts;
    std::map<std::string, std::size_t> place{{"", 0}}, block;  // of each prefix of a key
    for (const auto& [key, replacement] : rules) {
        for (std::size_t length = 0; length <= key.size(); ++length) {
            const auto prefix = key.substr(0, length);
            if (length > 0) {
                const auto byte = static_cast<unsigned char>(key[length - 1]);
                place[prefix] = block[key.substr(0, length - 1)] + byte;
                units[place[prefix]] |= byte;
            }
            if (!block.contains(prefix)) {
                block[prefix] = units.size();
                units.resize(units.size() + 256, 0);
                units[place[prefix]] |= static_cast<std::uint32_t>(place[prefix] ^ block[prefix]) << 10;
            }
        }
        units[place[key]] |= 1u << 8;
        units[block[key]] = 1u << 31 | static_cast<std::uint32_t>(texts.size());
        texts += replacement + '\0';
    }
    std::string bytes;
    const auto put = [&](std::uint32_t value) {
        for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(value >> 8 * i));
    };
    put(static_cast<std::uint32_t>(4 * units.size()));
    for (const auto unit : units) put(unit);
    return bytes + texts;
}

}  // namespace kohort::text
