// Unicode's canonical decomposition (NFD) of whole texts, as BERT's normaliser needs it.
#pragma once

#include <string>
#include <string_view>

namespace kohort::text {

// Canonical decomposition with marks in canonical order, by the old Unicode of unicode_tables.h.
std::u32string decompose_canonically(std::u32string_view text);

}  // namespace kohort::text
