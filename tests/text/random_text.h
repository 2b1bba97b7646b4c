// Texts that are unpleasant on purpose: many scripts, marks in any order, controls, broken bytes, words that are
// too long, special tokens.
#pragma once

#include <random>
#include <string>

#include "text/utf8.h"

namespace kohort::text {

class RandomText {
  public:
    explicit RandomText(std::uint32_t seed) : random_(seed) {}

    std::uint32_t below(std::uint32_t bound) { return random_() % bound; }

    std::string next() {
        std::string text;
        for (std::uint32_t parts = below(20); parts > 0; --parts) add_part(text);
        return text;
    }

  private:
    void add_part(std::string& text) {
        static const char32_t special[] = {0x301,  0x316,  0x344,  0x302E, 0x302F, 0x1D165, 0x1D16D, 0x34F,  0x200D, 0xFE0F,
                                           0xFFFD, 0x0,    0x85,   0x2028, 0x130,  0xDF,    0xFF21,  0xAC01, 0xFB01, 0x2260,
                                           0x1F71, 0xF900, 0x2F800, 0x2B820, 0x2B920, 0x6D6, 0x9C7,  0x9BE,  0xA0,   0x3000};
        static const char* const words[] = {"[SEP]", "[MASK]", "[", "##ing", "the", "Unaffable", "ing", "running", "手机", "Ab", " ", " \t"};
        switch (below(8)) {
            case 0: append_utf8(special[below(std::size(special))], text); break;
            case 1: text += words[below(std::size(words))]; break;
            case 2: append_utf8(0x80 + below(0x3000), text); break;
            case 3: append_utf8(0x4E00 + below(0x5000), text); break;
            case 4: append_utf8(0x10000 + below(0x20000), text); break;
            case 5: text.push_back(static_cast<char>(below(256))); break;
            case 6: text.append(below(30) == 0 ? 95 + below(10) : below(4), static_cast<char>('a' + below(26))); break;
            default: text.push_back(static_cast<char>(0x20 + below(0x5F)));
        }
    }

    std::mt19937 random_;
};

}  // namespace kohort::text
