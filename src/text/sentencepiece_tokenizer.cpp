#include "text/sentencepiece_tokenizer.h"

#include <algorithm>
#include <cfloat>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "text/unigram_tokenizer.h"

namespace kohort::text {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;
using Kind = SentencePieceModel::Kind;

constexpr const char *config_name = "tokenizer_config.json", *model_name = "spiece.model";
constexpr std::int64_t extra_of_t5 = 100, most_extra = 1 << 20;

std::string extra_token(std::int64_t number) { return fmt::format("<extra_id_{}>", number); }

TokenId id_of(const SentencePieceModel& model, std::string_view text) {
    const auto found = std::ranges::find(model.pieces, text, &SentencePieceModel::Piece::text);
    return found == model.pieces.end() ? -1 : static_cast<TokenId>(found - model.pieces.begin());
}

PipelineSettings make_pipeline(const SentencePieceModel& model, std::int64_t extra, std::vector<TokenizerFile> files) {
    PipelineSettings settings;
    settings.files = std::move(files);
    std::vector<std::string> tokens;
    for (const auto& piece : model.pieces) tokens.push_back(piece.text);
    for (const std::string& name :
         {model.end_piece, model.pieces[static_cast<std::size_t>(model.unknown)].text, std::string("<pad>")})
        if (const TokenId id = id_of(model, name); id >= 0) settings.added.push_back({.id = id, .content = name});
    for (std::int64_t number = extra; number-- > 0;) {
        settings.added.push_back({.id = static_cast<TokenId>(tokens.size()),
                                  .content = extra_token(number),
                                  .lstrip = true,
                                  .rstrip = true,
                                  .strips_as_python = true});
        tokens.push_back(extra_token(number));
    }
    settings.vocabulary = Vocabulary(std::move(tokens));
    if (const TokenId end = id_of(model, model.end_piece); end >= 0) {
        settings.last_once = end;
        settings.post_processor = {.single = {PostProcessor::first, end},
                                   .pair = {PostProcessor::first, end, PostProcessor::second, end}};
    }
    return settings;
}

// Scores as the library computes them (unigram_model.cc): float32, but for those of user-defined pieces, which are to be
// taken before all others.
UnigramModel make_model(const SentencePieceModel& model) {
    float lowest = FLT_MAX, highest = FLT_MIN;
    for (const auto& piece : model.pieces) {
        if (piece.kind != Kind::normal) continue;
        lowest = std::min(lowest, piece.score);
        highest = std::max(highest, piece.score);
    }
    std::vector<UnigramPiece> pieces;
    for (std::size_t id = 0; id < model.pieces.size(); ++id) {
        const auto& piece = model.pieces[id];
        if (piece.kind == Kind::normal) pieces.push_back({piece.text, static_cast<TokenId>(id), piece.score});
        if (piece.kind == Kind::user_defined)
            pieces.push_back({piece.text, static_cast<TokenId>(id), static_cast<float>(piece.text.size()) * highest - 0.1});
    }
    return UnigramModel(pieces, lowest - static_cast<float>(UnigramModel::unknown_penalty), UnigramModel::Sums::float32);
}

// How many extra tokens there are; the settings that say so are added to the files that belong to the tokenizer.
std::int64_t count_of_extra(const fs::path& path, const SentencePieceModel& model, std::vector<TokenizerFile>& files) {
    const auto beside = path.parent_path() / config_name;
    std::string bytes = fs::exists(beside) ? base::read_file(beside) : "{}";
    auto config = nlohmann::ordered_json::parse(bytes, nullptr, false);
    if (!config.is_object()) base::fail(ErrorKind::usage, "{}: no JSON object", beside.string());
    if (!config.contains("extra_ids")) {
        config["extra_ids"] = path.filename() == model_name && id_of(model, extra_token(0)) < 0 ? extra_of_t5 : 0;
        bytes = config.dump(2) + "\n";
    }
    const auto& extra = config["extra_ids"];
    if (!extra.is_number_integer() || extra < 0 || extra > most_extra)
        base::fail(ErrorKind::usage, "{}: extra_ids is {}; it is to be 0 to {}", beside.string(), extra.dump(), most_extra);
    files.push_back({config_name, std::move(bytes)});
    return extra.get<std::int64_t>();
}

}  // namespace

SentencePieceTokenizer::SentencePieceTokenizer(const SentencePieceModel& model, std::int64_t extra,
                                               std::vector<TokenizerFile> files)
    : PipelineTokenizer(make_pipeline(model, extra, std::move(files))),
      normalizer_(model),
      model_(make_model(model)),
      unknown_(model.unknown),
      byte_fallback_(model.byte_fallback) {
    byte_ids_.fill(unknown_);
    for (std::size_t id = 0; id < model.pieces.size(); ++id)
        for (unsigned byte = 0; model.pieces[id].kind == Kind::byte && byte < 256; ++byte)
            if (model.pieces[id].text == byte_piece(byte)) byte_ids_[byte] = static_cast<TokenId>(id);
}

void SentencePieceTokenizer::encode_stretch(std::string_view text, bool, std::size_t, std::vector<TokenId>& ids) const {
    const std::string normalized = normalizer_.normalize(text);
    thread_local std::vector<UnigramModel::Span> spans;
    model_.cut(normalized, spans);
    bool after_unknown = false;
    for (const auto& span : spans) {
        const bool unknown = span.id == UnigramModel::unknown;
        if (!unknown) ids.push_back(span.id);
        else if (byte_fallback_)
            for (std::size_t i = span.begin; i < span.end; ++i)
                ids.push_back(byte_ids_[static_cast<unsigned char>(normalized[i])]);
        else if (!after_unknown) ids.push_back(unknown_);  // a row of what is unknown is one token
        after_unknown = unknown;
    }
}

std::optional<fs::path> sentencepiece_file_in(const fs::path& folder) {
    if (fs::exists(folder / model_name)) return folder / model_name;
    std::optional<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() != ".model") continue;
        if (found)
            base::fail(ErrorKind::usage, "{} holds more than one .model file: name the one that is the tokenizer",
                       folder.string());
        found = entry.path();
    }
    return found;
}

std::unique_ptr<Tokenizer> read_sentencepiece(const fs::path& path) {
    std::vector<TokenizerFile> files{{model_name, base::read_file(path)}};
    try {
        const auto model = parse_sentencepiece_model(files.front().bytes);
        const auto extra = count_of_extra(path, model, files);
        return std::make_unique<SentencePieceTokenizer>(model, extra, std::move(files));
    } catch (const base::Error& problem) {
        if (problem.kind() != ErrorKind::usage) throw;
        base::fail(ErrorKind::usage, "{} is no SentencePiece model that Kohort can read: {}", path.string(), problem.what());
    }
}

}  // namespace kohort::text
