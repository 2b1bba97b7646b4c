#include "text/wordpiece.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "text/character_map.h"
#include "text/piece_trie.h"
#include "text/utf8.h"
#include "text/wordpiece_files.h"

namespace kohort::text {
namespace {

constexpr auto unlimited = std::numeric_limits<std::size_t>::max();

PieceTrie make_trie(const WordPieceSettings& settings) {
    PieceTrie::Pieces beginning, continuing;
    const Vocabulary& vocabulary = settings.vocabulary;
    const std::string& prefix = settings.prefix;
    for (TokenId id = 0; id < vocabulary.size(); ++id) {
        const std::string_view token = vocabulary.token(id);
        if (token.empty() || vocabulary.id(token) != id) continue;
        beginning.emplace_back(token, id);
        if (token.size() > prefix.size() && token.starts_with(prefix)) continuing.emplace_back(token.substr(prefix.size()), id);
    }
    return PieceTrie(std::move(beginning), std::move(continuing));
}

}  // namespace

std::vector<TokenId> cut_word(std::string_view word, const WordPieceSettings& settings) {
    const Vocabulary& vocabulary = settings.vocabulary;
    const std::vector<TokenId> unknown{vocabulary.id(settings.unknown)};
    if (count_characters(word) > settings.most_characters) return unknown;
    std::vector<TokenId> ids;
    for (std::size_t begin = 0; begin < word.size();) {
        TokenId id = -1;
        std::size_t end = word.size();
        for (; end > begin; --end) {
            const std::string piece(word.substr(begin, end - begin));
            id = vocabulary.id(begin == 0 ? piece : settings.prefix + piece);
            if (id >= 0) break;
        }
        if (id < 0) return unknown;
        ids.push_back(id);
        begin = end;
    }
    return ids;
}

WordPieceSettings bert_settings(Vocabulary vocabulary, const BertNormalizerOptions& normalizer) {
    WordPieceSettings settings;
    for (const char* name : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
        const TokenId id = vocabulary.id(name);
        if (id >= 0) settings.added.push_back({.id = id, .content = name});
    }
    for (const char* name : {"[UNK]", "[CLS]", "[SEP]"})
        if (vocabulary.id(name) < 0)
            base::fail(base::ErrorKind::usage, "the vocabulary has no {}: it is not one of BERT's", name);
    settings.special = {.pad = vocabulary.id("[PAD]"), .unknown = vocabulary.id("[UNK]"), .classify = vocabulary.id("[CLS]"),
                        .separate = vocabulary.id("[SEP]"), .mask = vocabulary.id("[MASK]")};
    const TokenId begin = settings.special.classify, end = settings.special.separate;
    settings.post_processor.single = {begin, PostProcessor::first, end};
    settings.post_processor.pair = {begin, PostProcessor::first, end, PostProcessor::second, end};
    settings.normalizer = normalizer;
    settings.vocabulary = std::move(vocabulary);
    return settings;
}

struct WordPiece::State {
    WordPieceSettings settings;
    std::vector<std::string> tokens;  // the vocabulary with the added tokens that lie beyond it
    CharacterMap characters;
    PieceTrie trie;
    TokenId unknown;
    std::vector<TokenId> alone;  // [characters.alone_words()] the id of each
    AddedTokenFinder raw, normalized;

    explicit State(WordPieceSettings settings_);
    void encode(std::string_view utf8, std::size_t most, std::vector<TokenId>& ids) const;
    void encode_plain(std::string_view utf8, std::vector<TokenId>& ids) const;
};

namespace {

// What CharacterMap::scan drives: walks the trie as the bytes of a word come in.
struct PieceSink {
    const PieceTrie& trie;
    const std::vector<TokenId>& alone_ids;
    TokenId unknown;
    std::int64_t most_characters;
    std::size_t most;  // ids; a word that is begun is finished
    std::vector<TokenId>& ids;

    std::size_t word_begin = ids.size();
    PieceTrie::State state = PieceTrie::begin;
    std::int64_t characters = 0;

    void byte(char value) {
        ++characters;
        if (state != PieceTrie::dead) state = trie.step(state, static_cast<unsigned char>(value), ids);
    }
    void bytes(const char* from, std::int64_t length, std::int64_t count) {
        characters += count;
        for (const char* at = from; at < from + length && state != PieceTrie::dead; ++at)
            state = trie.step(state, static_cast<unsigned char>(*at), ids);
    }
    void end_word() {
        if (characters == 0) return;
        if (characters > most_characters || state == PieceTrie::dead || !trie.finish(state, ids)) {
            ids.resize(word_begin);
            ids.push_back(unknown);
        }
        state = PieceTrie::begin;
        characters = 0;
        word_begin = ids.size();
    }
    void alone(std::uint32_t index) {
        ids.push_back(alone_ids[index]);
        word_begin = ids.size();
    }
    bool full() const { return ids.size() >= most; }
};

std::vector<AddedToken> added_of_kind(const WordPieceSettings& settings, bool normalized) {
    std::vector<AddedToken> tokens;
    for (const AddedToken& token : settings.added) {
        if (token.normalized != normalized) continue;
        tokens.push_back(token);
        // What stands in a normalised text is the token's own normalised form.
        if (normalized) tokens.back().content = to_utf8(normalize(token.content, settings.normalizer));
    }
    return tokens;
}

}  // namespace

WordPiece::State::State(WordPieceSettings settings_)
    : settings(std::move(settings_)),
      tokens(settings.vocabulary.tokens()),
      characters(settings.normalizer),
      trie(make_trie(settings)),
      unknown(settings.vocabulary.id(settings.unknown)),
      raw(added_of_kind(settings, false)),
      normalized(added_of_kind(settings, true)) {
    if (unknown < 0)
        base::fail(base::ErrorKind::usage, "the vocabulary does not have its own unknown token {}", settings.unknown);
    for (const AddedToken& token : settings.added) {
        if (token.id >= static_cast<TokenId>(tokens.size())) tokens.resize(static_cast<std::size_t>(token.id) + 1);
        tokens[static_cast<std::size_t>(token.id)] = token.content;
    }
    for (const auto* pattern : {&settings.post_processor.single, &settings.post_processor.pair})
        for (const TokenId id : *pattern)
            if (id >= static_cast<TokenId>(tokens.size()))
                base::fail(base::ErrorKind::usage, "the post_processor adds the token {}, and there are only {}", id, tokens.size());
    alone.reserve(characters.alone_words().size());
    for (const std::string& word : characters.alone_words()) alone.push_back(cut_word(word, settings).front());
}

// One stretch of text without added tokens, by the definition. The texts that need it are rare.
void WordPiece::State::encode_plain(std::string_view utf8, std::vector<TokenId>& ids) const {
    const std::string whole = to_utf8(normalize(utf8, settings.normalizer));
    normalized.split(whole, [&](std::string_view piece, TokenId added) {
        if (added >= 0) {
            ids.push_back(added);
            return true;
        }
        for (const std::u32string& word : split_words(to_code_points(piece))) {
            const std::vector<TokenId> cut = cut_word(to_utf8(word), settings);
            ids.insert(ids.end(), cut.begin(), cut.end());
        }
        return true;
    });
}

void WordPiece::State::encode(std::string_view utf8, std::size_t most, std::vector<TokenId>& ids) const {
    raw.split(utf8, [&](std::string_view piece, TokenId added) {
        if (added >= 0) {
            ids.push_back(added);
            return ids.size() < most;
        }
        if (!normalized.empty()) {
            encode_plain(piece, ids);
            return ids.size() < most;
        }
        const std::size_t begin = ids.size();
        PieceSink sink{trie, alone, unknown, settings.most_characters, most, ids};
        if (!characters.scan(piece, sink)) {
            ids.resize(begin);
            encode_plain(piece, ids);
        }
        return ids.size() < most;
    });
}

WordPiece::WordPiece(WordPieceSettings settings) : state_(std::make_unique<const State>(std::move(settings))) {}
WordPiece::~WordPiece() = default;

const WordPieceSettings& WordPiece::settings() const { return state_->settings; }

void WordPiece::encode(std::string_view utf8, std::vector<TokenId>& ids) const { state_->encode(utf8, unlimited, ids); }

std::int64_t WordPiece::vocabulary_size() const { return static_cast<std::int64_t>(state_->tokens.size()); }

const std::string& WordPiece::token(TokenId id) const {
    if (id < 0 || id >= vocabulary_size())
        base::fail(base::ErrorKind::internal, "token id {} is outside the vocabulary of {}", id, vocabulary_size());
    return state_->tokens[static_cast<std::size_t>(id)];
}

const SpecialTokens& WordPiece::special() const { return state_->settings.special; }

std::vector<TokenId> WordPiece::encode_for_model(std::string_view utf8, std::int64_t most) const {
    std::vector<TokenId> ids;
    state_->encode(utf8, static_cast<std::size_t>(std::max<std::int64_t>(most, 0)), ids);
    return state_->settings.post_processor.process(std::move(ids), most);
}

std::vector<TokenId> WordPiece::encode_pair_for_model(std::string_view first, std::string_view second,
                                                      std::int64_t most) const {
    std::vector<TokenId> first_ids, second_ids;
    state_->encode(first, unlimited, first_ids);
    state_->encode(second, unlimited, second_ids);
    return state_->settings.post_processor.process(std::move(first_ids), std::move(second_ids), most);
}

void WordPiece::save(const std::filesystem::path& folder, std::int64_t most) const {
    save_wordpiece(state_->settings, folder, most);
}

}  // namespace kohort::text
