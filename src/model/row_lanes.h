// Sixteen float32 numbers at a time, for the row kernels: in one register of AVX-512 or two of AVX2. Every number comes from
// the same operations in the same order with either, and what is fused is written out, so results are the same bits. No
// template of the standard library is used: the linker could take its code from here for processors that cannot run it.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace kohort::model {
namespace {

constexpr std::int64_t lanes = 16;
using Lanes [[gnu::vector_size(64)]] = float;
using Bits [[gnu::vector_size(64)]] = std::int32_t;
using Words [[gnu::vector_size(64)]] = std::uint32_t;
using Halves [[gnu::vector_size(32)]] = std::uint16_t;

inline Lanes load(const float* from) {
    Lanes value;
    std::memcpy(&value, from, sizeof value);
    return value;
}
inline void store(float* to, Lanes value) {
    std::memcpy(to, &value, sizeof value);
}

// a b + c, rounded once.
inline Lanes fused(Lanes a, Lanes b, Lanes c) {
#if defined(__AVX512F__)
    return (Lanes)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#else
    __m256 left[2], right[2], sums[2];
    std::memcpy(left, &a, sizeof left);
    std::memcpy(right, &b, sizeof right);
    std::memcpy(sums, &c, sizeof sums);
    for (int half = 0; half < 2; ++half) sums[half] = _mm256_fmadd_ps(left[half], right[half], sums[half]);
    std::memcpy(&c, sums, sizeof sums);
    return c;
#endif
}
inline Lanes every(float value) {
    return value - Lanes{};
}

inline float to_float(std::uint16_t upper_half) {
    const std::uint32_t bits = static_cast<std::uint32_t>(upper_half) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
inline float to_float(float value) {
    return value;
}

// To the nearest, ties to even, as PyTorch rounds.
inline void round_to(float value, std::uint16_t& to) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    to = value != value ? 0x7FC0 : static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
inline void round_to(float value, float& to) {
    to = value;
}

// Sixteen values of either type, as above.
inline Lanes load(const std::uint16_t* from) {
    Halves halves;
    std::memcpy(&halves, from, sizeof halves);
    const Words bits = __builtin_convertvector(halves, Words) << 16;
    Lanes value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
inline void store(std::uint16_t* to, Lanes value) {
    Words bits;
    std::memcpy(&bits, &value, sizeof bits);
    Words rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    rounded = value == value ? rounded : Words{} + 0x7FC0;
    const Halves halves = __builtin_convertvector(rounded, Halves);
    std::memcpy(to, &halves, sizeof halves);
}

// The first `count` of 16 numbers; the others are 0.
template <class Value>
inline Lanes load_some(const Value* from, std::int64_t count) {
    float values[lanes] = {};
    for (std::int64_t i = 0; i < count; ++i) values[i] = to_float(from[i]);
    return load(values);
}
// In the order of the lanes.
inline float sum_of(Lanes value) {
    float sum = 0;
    for (std::int64_t lane = 0; lane < lanes; ++lane) sum += value[lane];
    return sum;
}

}  // namespace
}  // namespace kohort::model
