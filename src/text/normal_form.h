// Unicode's normal forms of whole texts, as tokenizers need them: by the old Unicode of unicode_tables.h.
#pragma once

#include <string>
#include <string_view>

namespace kohort::text {

// NFD: canonical decomposition with marks in canonical order (Unicode Standard Annex 15).
std::u32string decompose_canonically(std::u32string_view text);

// NFKC: compatibility decomposition ("Ａ" becomes "A"), then canonical composition.
std::u32string compose_compatibly(std::u32string_view text);

}  // namespace kohort::text
