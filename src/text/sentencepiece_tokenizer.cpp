#include "text/sentencepiece_tokenizer.h"

#include <algorithm>
#include <cfloat>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "text/added_token_files.h"
#include "text/tokenizer_class.h"
#include "text/unigram_tokenizer.h"

namespace kohort::text {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;
using Kind = SentencePieceModel::Kind;

constexpr const char *config_name = "tokenizer_config.json", *model_name = "spiece.model";
constexpr const char* xlm_roberta_name = "sentencepiece.bpe.model";  // a unigram model in spite of its name
constexpr const char* xlm_roberta_class = "XLMRobertaTokenizer";
constexpr std::int64_t extra_of_t5 = 100, most_extra = 1 << 20;

// XLM-RoBERTa's first ids; <mask> is its last.
constexpr const char* xlm_roberta_first[] = {"<s>", "<pad>", "</s>", "<unk>"};
constexpr TokenId xlm_begin = 0, xlm_end = 2, xlm_unknown = 3, xlm_offset = 1;

constexpr const char* mark = "▁";

std::string extra_token(std::int64_t number) { return fmt::format("<extra_id_{}>", number); }

TokenId id_of(const SentencePieceModel& model, std::string_view text) {
    const auto found = std::ranges::find(model.pieces, text, &SentencePieceModel::Piece::text);
    return found == model.pieces.end() ? -1 : static_cast<TokenId>(found - model.pieces.begin());
}

// The id of each piece. XLM-RoBERTa's are one more than the file's, but for tokens that have a place of their own.
std::vector<TokenId> ids_of_pieces(const SentencePieceModel& model, SentencePieceKind kind) {
    std::vector<TokenId> ids;
    const auto count = static_cast<TokenId>(model.pieces.size());
    for (TokenId id = 0; id < count; ++id) ids.push_back(kind == SentencePieceKind::xlm_roberta ? id + xlm_offset : id);
    if (kind != SentencePieceKind::xlm_roberta) return ids;
    const auto is_control = [&](std::size_t id) { return id < model.pieces.size() && model.pieces[id].kind == Kind::control; };
    if (model.unknown != 0 || !is_control(1) || !is_control(2))
        base::fail(ErrorKind::usage, "its first pieces are not <unk>, <s> and </s>, as XLM-RoBERTa's are");
    for (std::size_t id = 0; id < model.pieces.size(); ++id) {
        const auto found = std::ranges::find(xlm_roberta_first, model.pieces[id].text);
        if (found != std::end(xlm_roberta_first)) ids[id] = static_cast<TokenId>(found - xlm_roberta_first);
        if (model.pieces[id].text == "<mask>") ids[id] = count + xlm_offset;
    }
    ids[0] = xlm_unknown;
    return ids;
}

PipelineSettings make_xlm_roberta_pipeline(const SentencePieceModel& model, std::vector<TokenizerFile> files) {
    PipelineSettings settings;
    settings.files = std::move(files);
    std::vector<std::string> tokens(model.pieces.size() + xlm_offset + 1);
    const auto ids = ids_of_pieces(model, SentencePieceKind::xlm_roberta);
    for (std::size_t piece = 0; piece < ids.size(); ++piece) tokens[static_cast<std::size_t>(ids[piece])] = model.pieces[piece].text;
    for (const char* name : xlm_roberta_first) {
        const auto first_id = static_cast<TokenId>(settings.added.size());
        // transformers finds such a token in texts by the last of its ids: that of the file's own <pad>, where there is one.
        // Where the normaliser makes a <pad> of other characters, it has the first.
        const TokenId piece = id_of(model, name), id = piece > 2 ? piece + xlm_offset : first_id;
        settings.added.push_back({.id = id, .content = name});
        tokens[static_cast<std::size_t>(first_id)] = tokens[static_cast<std::size_t>(id)] = name;
    }
    settings.added.push_back(
        {.id = static_cast<TokenId>(tokens.size()) - 1, .content = "<mask>", .lstrip = true, .strips_as_python = true});
    tokens.back() = "<mask>";
    settings.vocabulary = Vocabulary(std::move(tokens));
    constexpr TokenId first = PostProcessor::first, second = PostProcessor::second;
    settings.post_processor = {.single = {xlm_begin, first, xlm_end}, .pair = {xlm_begin, first, xlm_end, xlm_end, second, xlm_end}};
    return settings;
}

PipelineSettings make_t5_pipeline(const SentencePieceModel& model, std::int64_t extra, std::vector<TokenizerFile> files) {
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
        settings.post_processor = {.single = {PostProcessor::first, end},
                                   .pair = {PostProcessor::first, end, PostProcessor::second, end},
                                   .last_once = end};
    }
    return settings;
}

PipelineSettings make_pipeline(const SentencePieceModel& model, const SentencePieceLayout& layout,
                               std::vector<TokenizerFile> files) {
    auto settings = layout.kind == SentencePieceKind::xlm_roberta ? make_xlm_roberta_pipeline(model, std::move(files))
                                                                  : make_t5_pipeline(model, layout.extra, std::move(files));
    if (!layout.legacy) {
        settings.before_all.add(replace_step(mark, " "));
        settings.not_before_special = settings.vocabulary.id(mark);
    }
    add_missing(settings.vocabulary, layout.added, settings.added);
    settings.vocabulary = with_added(std::move(settings.vocabulary), settings.added);
    return settings;
}

// Scores as the library computes them (unigram_model.cc): float32, but for those of user-defined pieces, which are to be
// taken before all others.
UnigramModel make_model(const SentencePieceModel& model, const std::vector<TokenId>& ids) {
    float lowest = FLT_MAX, highest = FLT_MIN;
    for (const auto& piece : model.pieces) {
        if (piece.kind != Kind::normal) continue;
        lowest = std::min(lowest, piece.score);
        highest = std::max(highest, piece.score);
    }
    std::vector<UnigramPiece> pieces;
    for (std::size_t id = 0; id < model.pieces.size(); ++id) {
        const auto& piece = model.pieces[id];
        if (piece.kind == Kind::normal) pieces.push_back({piece.text, ids[id], piece.score});
        if (piece.kind == Kind::user_defined)
            pieces.push_back({piece.text, ids[id], static_cast<float>(piece.text.size()) * highest - 0.1});
    }
    return UnigramModel(pieces, lowest - static_cast<float>(UnigramModel::unknown_penalty), UnigramModel::Sums::float32);
}

// What tokenizer_config.json or, without its word, the file's name says: each kind numbers the pieces in its own way.
SentencePieceKind kind_of(const fs::path& path, const Json& config, const fs::path& config_path) {
    const auto name = read_tokenizer_class(config, config_path, {"T5Tokenizer", "MT5Tokenizer", xlm_roberta_class});
    const bool xlm_roberta = name.empty() ? path.filename() == xlm_roberta_name : name == xlm_roberta_class;
    return xlm_roberta ? SentencePieceKind::xlm_roberta : SentencePieceKind::t5;
}

// The files that belong to the tokenizer follow from it; of T5's, settings that say how many extra tokens there are.
SentencePieceLayout read_layout(const fs::path& path, const SentencePieceModel& model, std::vector<TokenizerFile>& files) {
    const auto beside = path.parent_path() / config_name;
    const bool configured = fs::exists(beside);
    std::string bytes = configured ? base::read_file(beside) : "{}";
    auto config = nlohmann::ordered_json::parse(bytes, nullptr, false);
    if (!config.is_object()) base::fail(ErrorKind::usage, "{}: no JSON object", beside.string());
    const auto kind = kind_of(path, config, beside);
    auto added = read_added_tokens_beside(path.parent_path());
    keep_added_token_files(path.parent_path(), files);
    if (kind == SentencePieceKind::xlm_roberta) {
        files.front().name = xlm_roberta_name;
        if (configured) files.push_back({config_name, std::move(bytes)});
        return {kind, 0, true, std::move(added)};
    }
    if (!config.contains("extra_ids")) {
        config["extra_ids"] = path.filename() == model_name && id_of(model, extra_token(0)) < 0 ? extra_of_t5 : 0;
        bytes = config.dump(2) + "\n";
    }
    const auto& extra = config["extra_ids"];
    if (!extra.is_number_integer() || extra < 0 || extra > most_extra)
        base::fail(ErrorKind::usage, "{}: extra_ids is {}; it is to be 0 to {}", beside.string(), extra.dump(), most_extra);
    files.push_back({config_name, std::move(bytes)});
    const auto legacy = config.find("legacy");
    return {kind, extra.get<std::int64_t>(), legacy == config.end() || *legacy != false, std::move(added)};
}

}  // namespace

SentencePieceTokenizer::SentencePieceTokenizer(const SentencePieceModel& model, const SentencePieceLayout& layout,
                                               std::vector<TokenizerFile> files)
    : PipelineTokenizer(make_pipeline(model, layout, std::move(files))),
      normalizer_(model),
      model_(make_model(model, ids_of_pieces(model, layout.kind))),
      unknown_(ids_of_pieces(model, layout.kind)[static_cast<std::size_t>(model.unknown)]),
      byte_fallback_(model.byte_fallback),
      legacy_(layout.legacy),
      unknown_piece_(model.pieces[static_cast<std::size_t>(model.unknown)].text) {
    const auto ids = ids_of_pieces(model, layout.kind);
    byte_ids_.fill(unknown_);
    for (std::size_t id = 0; id < model.pieces.size(); ++id)
        for (unsigned byte = 0; model.pieces[id].kind == Kind::byte && byte < 256; ++byte)
            if (model.pieces[id].text == byte_piece(byte)) byte_ids_[byte] = ids[id];
    std::vector<TokenId> unknown;
    cut(normalizer_.normalize(unknown_piece_, false), unknown);
    unknown_length_ = unknown.size();
}

void SentencePieceTokenizer::cut(std::string_view normalized, std::vector<TokenId>& ids) const {
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

// Where it is no legacy, transformers puts a mark before the text, and gives the library a stretch that begins with a mark or
// a blank behind "<unk>", whose tokens it takes out again: even among pieces of one score the library chooses as it does there.
void SentencePieceTokenizer::encode_stretch(std::string_view text, bool first, std::size_t, std::vector<TokenId>& ids) const {
    if (legacy_) return cut(normalizer_.normalize(text), ids);
    if (!first && !text.starts_with(' ')) return cut(normalizer_.normalize(text, false), ids);
    std::vector<TokenId> all;
    cut(normalizer_.normalize(unknown_piece_ + (first ? mark : "") + std::string(text), false), all);
    const std::size_t out = all.size() < unknown_length_ ? 0 : unknown_length_;
    ids.insert(ids.end(), all.begin() + static_cast<std::ptrdiff_t>(out), all.end());
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
        const auto layout = read_layout(path, model, files);
        return std::make_unique<SentencePieceTokenizer>(model, layout, std::move(files));
    } catch (const base::Error& problem) {
        if (problem.kind() != ErrorKind::usage) throw;
        base::fail(ErrorKind::usage, "{} is no SentencePiece model that Kohort can read: {}", path.string(), problem.what());
    }
}

}  // namespace kohort::text
