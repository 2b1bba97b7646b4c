// SentencePiece's model file (sentencepiece_model.proto): pieces with scores, and how texts are normalised. Only the
// fields that matter here are read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kohort::text {

struct SentencePieceModel {
    enum class Kind : std::uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
    struct Piece {
        std::string text;
        float score = 0;  // log probability
        Kind kind = Kind::normal;
    };

    std::vector<Piece> pieces;  // by id
    std::int32_t unknown = -1;  // the one piece of that kind
    bool byte_fallback = false;

    std::string charsmap;  // precompiled normalisation rules
    bool add_dummy_prefix = true;
    bool remove_extra_whitespaces = true;
    bool escape_whitespaces = true;
    bool whitespace_as_suffix = false;

    std::string begin_piece = "<s>", end_piece = "</s>";  // may be no pieces
};

// From the bytes of a file. Error(usage), without the file's name, where they are no such model, where it is not a unigram
// model, or where its pieces contradict each other.
SentencePieceModel parse_sentencepiece_model(std::string_view bytes);

}  // namespace kohort::text
