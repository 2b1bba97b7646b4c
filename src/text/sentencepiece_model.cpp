#include "text/sentencepiece_model.h"

#include <bitset>
#include <cmath>
#include <unordered_set>

#include "base/error.h"
#include "text/protobuf_reader.h"
#include "text/unigram_tokenizer.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

using base::ErrorKind;
using Kind = SentencePieceModel::Kind;

// Numbers of the fields in sentencepiece_model.proto.
namespace model_field { enum : std::uint32_t { pieces = 1, trainer = 2, normalizer = 3 }; }
namespace piece_field { enum : std::uint32_t { text = 1, score = 2, kind = 3 }; }
namespace trainer_field {
enum : std::uint32_t { model_type = 3, whitespace_as_suffix = 24, byte_fallback = 35, begin_piece = 46, end_piece = 47 };
}
namespace normalizer_field {
enum : std::uint32_t { charsmap = 2, dummy_prefix = 3, remove_whitespaces = 4, escape_whitespaces = 5 };
}

SentencePieceModel::Piece parse_piece(std::string_view bytes) {
    SentencePieceModel::Piece piece;
    for (ProtobufReader reader(bytes); reader.next();) {
        switch (reader.field()) {
            case piece_field::text: piece.text = reader.bytes(); break;
            case piece_field::score: piece.score = reader.float32(); break;
            case piece_field::kind: {
                const auto kind = reader.integer();
                if (kind < 1 || kind > 6) base::fail(ErrorKind::usage, "a piece has the type {}, which is not known", kind);
                piece.kind = static_cast<Kind>(kind);
                break;
            }
            default: break;
        }
    }
    return piece;
}

void parse_trainer(std::string_view bytes, SentencePieceModel& model) {
    for (ProtobufReader reader(bytes); reader.next();) {
        switch (reader.field()) {
            case trainer_field::model_type:
                if (reader.integer() != 1)
                    base::fail(ErrorKind::usage,
                               "its model_type is {}, but Kohort knows only 1, unigram (2 is BPE, 3 words, 4 characters)",
                               reader.integer());
                break;
            case trainer_field::whitespace_as_suffix: model.whitespace_as_suffix = reader.integer() != 0; break;
            case trainer_field::byte_fallback: model.byte_fallback = reader.integer() != 0; break;
            case trainer_field::begin_piece: model.begin_piece = reader.bytes(); break;
            case trainer_field::end_piece: model.end_piece = reader.bytes(); break;
            default: break;
        }
    }
}

void parse_normalizer(std::string_view bytes, SentencePieceModel& model) {
    for (ProtobufReader reader(bytes); reader.next();) {
        switch (reader.field()) {
            case normalizer_field::charsmap: model.charsmap = reader.bytes(); break;
            case normalizer_field::dummy_prefix: model.add_dummy_prefix = reader.integer() != 0; break;
            case normalizer_field::remove_whitespaces: model.remove_extra_whitespaces = reader.integer() != 0; break;
            case normalizer_field::escape_whitespaces: model.escape_whitespaces = reader.integer() != 0; break;
            default: break;
        }
    }
}

void check_pieces(SentencePieceModel& model) {
    // Pieces that are found in texts and those that are not have a list each.
    std::unordered_set<std::string_view> found_in_texts, reserved;
    std::bitset<256> bytes;
    for (std::size_t id = 0; id < model.pieces.size(); ++id) {
        const auto& piece = model.pieces[id];
        if (piece.text.empty()) base::fail(ErrorKind::usage, "the piece {} is empty", id);
        if (!is_valid_utf8(piece.text)) base::fail(ErrorKind::usage, "the piece {} is not UTF-8", id);
        if (!std::isfinite(piece.score)) base::fail(ErrorKind::usage, "the score of the piece \"{}\" is no number", piece.text);
        const bool in_texts = piece.kind == Kind::normal || piece.kind == Kind::user_defined || piece.kind == Kind::unused;
        if (!(in_texts ? found_in_texts : reserved).insert(piece.text).second)
            base::fail(ErrorKind::usage, "the piece \"{}\" comes twice", piece.text);
        if (piece.kind == Kind::unknown) {
            if (model.unknown >= 0) base::fail(ErrorKind::usage, "it has two unknown pieces, {} and {}", model.unknown, id);
            model.unknown = static_cast<std::int32_t>(id);
        }
        for (unsigned byte = 0; piece.kind == Kind::byte && byte < 256; ++byte)
            if (piece.text == byte_piece(byte)) bytes.set(byte);
    }
    if (model.unknown < 0) base::fail(ErrorKind::usage, "none of its {} pieces is the unknown one", model.pieces.size());
    if (model.byte_fallback && !bytes.all())
        base::fail(ErrorKind::usage, "it falls back on bytes, but has pieces for only {} of 256", bytes.count());
}

}  // namespace

SentencePieceModel parse_sentencepiece_model(std::string_view bytes) {
    SentencePieceModel model;
    for (ProtobufReader reader(bytes); reader.next();) {
        switch (reader.field()) {
            case model_field::pieces: model.pieces.push_back(parse_piece(reader.bytes())); break;
            case model_field::trainer: parse_trainer(reader.bytes(), model); break;
            case model_field::normalizer: parse_normalizer(reader.bytes(), model); break;
            default: break;
        }
    }
    check_pieces(model);
    return model;
}

}  // namespace kohort::text
