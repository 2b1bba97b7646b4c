// Unicode's normal forms of whole texts: NFD as BERT's normaliser needs it, NFKC as the corpus is cleaned.
#pragma once

#include <string>
#include <string_view>

namespace kohort::text {

// Canonical decomposition with marks in canonical order, by the old Unicode of unicode_tables.h.
std::u32string decompose_canonically(std::u32string_view text);

// NFKC by Unicode 15.0; invalid bytes become U+FFFD.
std::string nfkc(std::string_view text);

}  // namespace kohort::text
