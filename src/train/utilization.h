// How much of what this machine can multiply a training makes use of: model FLOPs utilisation (Chowdhery et al. 2022,
// appendix B), against matrix products timed on this very machine instead of a data sheet.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <vector>

#include "model/encoder.h"

namespace kohort::train {

// Floating-point operations of the forward and the backward pass over sequences of these lengths, padding and whatever is
// computed twice left out: 6 a token and weight of the layers' matrices (2 forwards, 4 backwards; 2 backwards of one that is
// frozen, as only its input wants a gradient), and for attention 12 times layers x width x length^2 a sequence. Embeddings are
// looked up, not multiplied; low-rank adapters beside frozen weights are too small to count.
double encoder_flops(std::span<const model::Parameter> encoder, const model::EncoderSizes& sizes, std::span<const std::int32_t> lengths,
                     bool frozen = false);

// Floating-point operations a second of matrix products in that type, as training takes them, on `threads` threads at once;
// the best of a few short ones, some tens of milliseconds.
double product_ceiling(torch::Device device, torch::ScalarType type, int threads);

}  // namespace kohort::train
