// Cleans text so that the same words are the same bytes: Unicode NFKC, invisible characters removed, white space
// collapsed.
#pragma once

#include <string>
#include <string_view>

namespace kohort::corpus {

// Appends the cleaned form of valid UTF-8 to `out`:
//  - control and format characters (Cc, Cf) go, but for white space, the joiners U+200C and U+200D, and the visible
//    ones (Arabic number signs and the like);
//  - then NFKC (Unicode Standard Annex 15);
//  - then every run of white space becomes one space, and none is left at the ends.
// Cleaning cleaned text changes nothing. Thread-safe.
void clean_text(std::string_view utf8, std::string& out);

// The same by the definition, a step at a time through ICU: what clean_text is measured and tested against.
void clean_text_plainly(std::string_view utf8, std::string& out);

std::string cleaned(std::string_view utf8);

}  // namespace kohort::corpus
