// With which arithmetic distances are computed: what can be asked for, and what this machine has. None of it changes a
// result; what is asked for by name and cannot be is an error, never something else in silence.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "cluster/prefilter.h"

namespace kohort::cluster {

enum class Kernel {
    automatic,  // the fastest this machine has
    scalar,     // canonical distances only: slow, and the definition
    portable,   // float32 in vectors of four, certified
    avx2,       // float32 in vectors of eight, certified
    avx512,     // float32 in vectors of sixteen, certified
    amx         // that, with coarse numbers multiplied in tiles
};

// Whether rows are looked at in coarse numbers first (prefilter.h).
enum class PrefilterChoice { off, bf16, int8, automatic };

// "off", "bf16", "int8", "auto"; Error(usage) otherwise.
PrefilterChoice parse_prefilter(std::string_view name);
// Which numbers will be used for so many clusters. Error(environment) where some are asked for that the machine or the
// kernel does not have.
std::optional<CoarseFormat> resolve_prefilter(PrefilterChoice choice, Kernel kernel, std::int64_t clusters);

Kernel parse_kernel(std::string_view name);  // "auto", "scalar", "portable", "avx2", "avx512", "amx"; Error(usage) otherwise
std::string_view kernel_name(Kernel kernel);
// The kernel that will run for this choice. Error(environment) where a named one is not supported here.
Kernel resolve_kernel(Kernel kernel);

}  // namespace kohort::cluster
