// BERT's normaliser and word splitter as one table look-up a character: what each code point becomes (nothing, a
// word's end, a word of its own, or more bytes of the present word), so that a text is read once and never copied.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/normalizer.h"
#include "text/utf8.h"

namespace kohort::text {

class CharacterMap {
  public:
    explicit CharacterMap(const BertNormalizerOptions& options);

    // Calls, in the order of the text:
    //   sink.byte(char)                            one more character of the present word, of one byte
    //   sink.bytes(const char*, length, count)     `count` more characters of the present word, `length` bytes in all
    //   sink.end_word()                            the present word, if there is one, is complete
    //   sink.alone(index)                          a word of its own: alone_words()[index]
    // and stops early where sink.full() is true after a word. False: the text has characters whose order matters
    // (rare combining marks). Then what the sink has got is void, and the plain form must do this text.
    template <class Sink>
    bool scan(std::string_view text, Sink& sink) const;

    // Every possible word of a single character that stands alone (Han characters and punctuation), normalised.
    const std::vector<std::string>& alone_words() const { return alone_words_; }

  private:
    // An entry is a kind in the low three bits and, above them, an index into alone_words_ or pieces_.
    enum Kind : std::uint32_t { drop, space, alone, same, mapped, irregular };
    struct Piece {
        std::uint32_t offset;
        std::uint16_t length, characters;
    };
    static constexpr std::uint32_t kind_bits = 3, kind_mask = 7;
    static constexpr std::uint32_t block_bits = 8, block_size = 1 << block_bits, block_mask = block_size - 1;

    std::uint32_t make_entry(char32_t code, const BertNormalizerOptions& options);
    std::uint32_t entry(char32_t code) const {
        return entries_[(std::size_t{blocks_[code >> block_bits]} << block_bits) + (code & block_mask)];
    }

    std::array<std::uint32_t, 128> ascii_{};       // as entry(), but `mapped` carries the byte itself
    std::vector<std::uint16_t> blocks_;            // [0x110000 / block_size]
    std::vector<std::uint32_t> entries_;           // distinct blocks, one after another
    std::vector<std::string> alone_words_;
    std::vector<Piece> pieces_;
    std::string bytes_;                            // of all pieces
};

template <class Sink>
bool CharacterMap::scan(std::string_view text, Sink& sink) const {
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        if (static_cast<signed char>(*at) >= 0) {
            const std::uint32_t found = ascii_[static_cast<unsigned char>(*at++)];
            switch (found & kind_mask) {
                case mapped: sink.byte(static_cast<char>(found >> kind_bits)); break;
                case space:
                    sink.end_word();
                    if (sink.full()) return true;
                    break;
                case alone:
                    sink.end_word();
                    sink.alone(found >> kind_bits);
                    if (sink.full()) return true;
                    break;
                default: break;
            }
            continue;
        }
        const DecodedCharacter character = decode(at, end);
        const std::uint32_t found = entry(character.code);
        switch (found & kind_mask) {
            case alone:
                sink.end_word();
                sink.alone(found >> kind_bits);
                if (sink.full()) return true;
                break;
            case same:
                // An invalid subpart stands for U+FFFD, whose bytes are not those of the text.
                if (character.valid) sink.bytes(at, character.length, 1);
                else sink.bytes("\xEF\xBF\xBD", 3, 1);
                break;
            case mapped: {
                const Piece& piece = pieces_[found >> kind_bits];
                sink.bytes(bytes_.data() + piece.offset, piece.length, piece.characters);
                break;
            }
            case space:
                sink.end_word();
                if (sink.full()) return true;
                break;
            case irregular: return false;
            default: break;
        }
        at += character.length;
    }
    sink.end_word();
    return true;
}

}  // namespace kohort::text
