// Sixteen float32 numbers at a time, for the row kernels: one register of AVX-512 or two of AVX2. Every number comes from
// the same operations in the same order with either, and what is fused is written out, so results are the same bits. No
// template of the standard library is used: the linker could take its code from here for processors that cannot run it.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace kohort::model {
namespace {

constexpr std::int64_t lanes = 16;

#if defined(__AVX512F__)
constexpr int registers = 1;
#else
constexpr int registers = 2;
#endif
constexpr int lanes_in_register = lanes / registers, register_bytes = 4 * lanes_in_register;
using Register [[gnu::vector_size(register_bytes)]] = float;
using Bits [[gnu::vector_size(register_bytes)]] = std::int32_t;
using Words [[gnu::vector_size(register_bytes)]] = std::uint32_t;
using Halves [[gnu::vector_size(register_bytes / 2)]] = std::uint16_t;
using Quarter [[gnu::vector_size(16)]] = float;  // four lanes

// To and from a type of the same size, bit by bit.
template <class To, class From>
inline To bits_as(const From& from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

// a b + c, rounded once.
inline Register fused(Register a, Register b, Register c) {
#if defined(__AVX512F__)
    return (Register)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#else
    return (Register)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#endif
}

// GCC keeps a vector that is wider than a register in memory, so the two of AVX2 are apart.
struct Lanes {
    Register part[registers];
};

template <class Operation>
inline Lanes each(Operation operation) {
    Lanes result;
    for (int i = 0; i < registers; ++i) result.part[i] = operation(i);
    return result;
}
inline Lanes every(float value) {
    return each([&](int) { return value - Register{}; });
}
inline Lanes operator+(const Lanes& a, const Lanes& b) {
    return each([&](int i) { return a.part[i] + b.part[i]; });
}
inline Lanes operator-(const Lanes& a, float b) {
    return each([&](int i) { return a.part[i] - b; });
}
inline Lanes operator*(const Lanes& a, float b) {
    return each([&](int i) { return a.part[i] * b; });
}
inline Lanes fused(const Lanes& a, const Lanes& b, const Lanes& c) {
    return each([&](int i) { return fused(a.part[i], b.part[i], c.part[i]); });
}
// The first `count` lanes, and another number in those behind.
inline Lanes first_lanes(const Lanes& value, std::int64_t count, float behind) {
    constexpr std::int32_t numbers[lanes] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return each([&](int i) {
        Bits lane;
        std::memcpy(&lane, numbers + i * lanes_in_register, sizeof lane);
        return lane < static_cast<std::int32_t>(count) ? value.part[i] : behind - Register{};
    });
}
// b where it is larger, else a.
inline Lanes larger(const Lanes& a, const Lanes& b) {
    return each([&](int i) { return b.part[i] > a.part[i] ? b.part[i] : a.part[i]; });
}

inline float to_float(std::uint16_t upper_half) {
    return bits_as<float>(static_cast<std::uint32_t>(upper_half) << 16);
}
inline float to_float(float value) {
    return value;
}

// To the nearest, ties to even, as PyTorch rounds.
inline void round_to(float value, std::uint16_t& to) {
    const auto bits = bits_as<std::uint32_t>(value);
    to = value != value ? 0x7FC0 : static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
inline void round_to(float value, float& to) {
    to = value;
}

// Values of either type, rounded as above.
inline Lanes load(const float* from) {
    return each([&](int i) {
        Register value;
        std::memcpy(&value, from + i * lanes_in_register, sizeof value);
        return value;
    });
}
inline Lanes load(const std::uint16_t* from) {
    return each([&](int i) {
        Halves halves;
        std::memcpy(&halves, from + i * lanes_in_register, sizeof halves);
        return bits_as<Register>(__builtin_convertvector(halves, Words) << 16);
    });
}
inline void store(float* to, const Lanes& value) {
    for (int i = 0; i < registers; ++i) std::memcpy(to + i * lanes_in_register, &value.part[i], sizeof value.part[i]);
}
inline void store(std::uint16_t* to, const Lanes& value) {
    for (int i = 0; i < registers; ++i) {
        const Register part = value.part[i];
        const auto bits = bits_as<Words>(part);
        Words rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
        rounded = part == part ? rounded : Words{} + 0x7FC0;
        const Halves halves = __builtin_convertvector(rounded, Halves);
        std::memcpy(to + i * lanes_in_register, &halves, sizeof halves);
    }
}
// The first `count` of 16 numbers; the others are 0.
template <class Value>
inline Lanes load_some(const Value* from, std::int64_t count) {
    float values[lanes] = {};
    for (std::int64_t i = 0; i < count; ++i) values[i] = to_float(from[i]);
    return load(values);
}

// to [4, to_stride] = from [4, from_stride] transposed, four by four.
inline void transpose_quarter(const float* from, std::int64_t from_stride, float* to, std::int64_t to_stride) {
    using Choice [[gnu::vector_size(16)]] = std::int32_t;
    Quarter in[4];
    for (int row = 0; row < 4; ++row) std::memcpy(&in[row], from + row * from_stride, sizeof in[row]);
    const Choice low{0, 4, 1, 5}, high{2, 6, 3, 7}, firsts{0, 1, 4, 5}, seconds{2, 3, 6, 7};
    const Quarter upper[] = {__builtin_shuffle(in[0], in[1], low), __builtin_shuffle(in[0], in[1], high)};
    const Quarter lower[] = {__builtin_shuffle(in[2], in[3], low), __builtin_shuffle(in[2], in[3], high)};
    for (int row = 0; row < 4; ++row) {
        const Quarter out = __builtin_shuffle(upper[row / 2], lower[row / 2], row % 2 == 0 ? firsts : seconds);
        std::memcpy(to + row * to_stride, &out, sizeof out);
    }
}

// e^x for x <= 0, to 2e-7; below -87 as at -87. Range reduction and polynomial of Cephes' expf.
inline Register exponential(Register x) {
    const Register none = {};
    x = x < -87.0F ? none - 87.0F : x;
    constexpr float to_integer = 12582912.0F;  // 1.5 x 2^23: the last bit counts ones
    constexpr std::int32_t its_bits = 0x4B400000;
    const Register shifted = fused(x, none + 1.44269504F, none + to_integer);
    const Register n = shifted - to_integer;
    const Register r = fused(n, none + 2.12194440e-4F, fused(n, none - 0.693359375F, x));
    Register p = none + 1.9875691500e-4F;
    constexpr float rest[] = {1.3981999507e-3F, 8.3334519073e-3F, 4.1665795894e-2F, 1.6666665459e-1F, 5.0000001201e-1F};
    for (const float next : rest) p = fused(p, r, none + next);
    p = fused(p, r * r, r + 1.0F);
    return p * bits_as<Register>((bits_as<Bits>(shifted) - its_bits + 127) << 23);
}

// All lanes by one operation: eight with the other eight, then four with four.
template <class Join>
inline Quarter folded(const Lanes& value, Join join) {
    using Half [[gnu::vector_size(32)]] = float;
    Half halves[2];
    std::memcpy(halves, &value, sizeof halves);
    halves[0] = join(halves[0], halves[1]);
    Quarter quarters[2];
    std::memcpy(quarters, &halves[0], sizeof quarters);
    return join(quarters[0], quarters[1]);
}
inline float sum_of(const Lanes& value) {
    const Quarter sums = folded(value, [](auto a, auto b) { return a + b; });
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}
inline float largest_of(const Lanes& value) {
    const Quarter most = folded(value, [](auto a, auto b) { return b > a ? b : a; });
    float largest = most[0];
    for (int lane = 1; lane < 4; ++lane) largest = most[lane] > largest ? most[lane] : largest;
    return largest;
}

}  // namespace
}  // namespace kohort::model
