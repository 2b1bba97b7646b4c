// The tile registers of Intel's AMX, which Linux keeps from a process until it asks for them.
#pragma once

#include <cstdint>

namespace kohort::base {

// Whether this machine multiplies tiles of int8 and of bfloat16, and the system lets this process: asked for once.
bool amx_usable();

// What the instruction ldtilecfg reads (Intel SDM): eight tiles of 16 lines of 64 bytes.
struct alignas(64) TileShapes {
    std::uint8_t palette, start_row, reserved[14];
    std::uint16_t bytes[16];  // of a line
    std::uint8_t lines[16];
};
inline constexpr TileShapes whole_tiles = {1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

}  // namespace kohort::base
