// Activations for the instruction set that the including file is compiled for (see row_lanes.h).
#include "model/activation.h"
#include "model/row_lanes.h"

namespace kohort::model {
namespace {

inline Register magnitude(Register x) {
    return x < 0.0F ? -x : x;
}

// x Φ(x). The normal distribution's tail is a polynomial of 1 / (1 + p z) by e^(-z^2), z = |x| / √2 (Abramowitz and Stegun,
// 7.1.26): to 1.5e-7, and a tail's own size far out, as nothing is taken from one.
inline Register gelu(Register x) {
    const Register none = {}, z = magnitude(x) * 0.70710678F, t = 1.0F / fused(z, none + 0.3275911F, none + 1.0F);
    Register tail = none + 1.061405429F;
    constexpr float rest[] = {-1.453152027F, 1.421413741F, -0.284496736F, 0.254829592F};
    for (const float next : rest) tail = fused(tail, t, none + next);
    tail = tail * t * exponential(-(z * z)) * (x * 0.5F);
    return x > 0.0F ? x - tail : tail;
}

// x / (1 + e^(-2 u)), which is its approximation by tanh u, with powers of e that cannot overflow.
inline Register gelu_tanh(Register x) {
    const Register none = {}, u = x * 0.79788456F * fused(x * x, none + 0.044715F, none + 1.0F),
                   e = exponential(magnitude(u) * -2.0F);
    const Register share = 1.0F / (1.0F + e);
    return x * (u < 0.0F ? e * share : share);
}

inline Register relu(Register x) {
    return x < 0.0F ? Register{} : x;
}

template <class Function>
inline void each_value(Function function, float* values, std::int64_t count) {
    const auto activated = [&](const Lanes& from) { return each([&](int i) { return function(from.part[i]); }); };
    const std::int64_t whole = count / lanes * lanes;
    for (std::int64_t i = 0; i < whole; i += lanes) store(values + i, activated(load(values + i)));
    if (whole == count) return;
    float last[lanes];
    store(last, activated(load_some(values + whole, count - whole)));
    for (std::int64_t i = whole; i < count; ++i) values[i] = last[i - whole];
}

void activate_values(Activation activation, float* values, std::int64_t count) {
    switch (activation) {
        case Activation::gelu:
            return each_value(gelu, values, count);
        case Activation::gelu_tanh:
            return each_value(gelu_tanh, values, count);
        case Activation::relu:
            return each_value(relu, values, count);
    }
}

}  // namespace
}  // namespace kohort::model
