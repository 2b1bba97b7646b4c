#include "text/vocabulary_trainer.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "parallel/collectives.h"
#include "text/piece_merger.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

// The most frequent characters whose tokens fit `room`; a character that occurs inside words takes two.
std::vector<CharacterCount> choose_alphabet(std::vector<CharacterCount> characters, std::int64_t min_frequency, std::int64_t room) {
    std::erase_if(characters, [&](const CharacterCount& c) { return c.count < min_frequency; });
    std::sort(characters.begin(), characters.end(), [](const CharacterCount& a, const CharacterCount& b) {
        return a.count != b.count ? a.count > b.count : a.code < b.code;
    });
    std::size_t keep = 0;
    for (; keep < characters.size(); ++keep) {
        room -= characters[keep].in_longer_word ? 2 : 1;
        if (room < 0) break;
    }
    characters.resize(keep);
    // Code points sort as their UTF-8 bytes do.
    std::sort(characters.begin(), characters.end(), [](const CharacterCount& a, const CharacterCount& b) { return a.code < b.code; });
    return characters;
}

std::vector<std::string> make_vocabulary(parallel::Communicator& comm, const WordStatistics& statistics, const VocabularyOptions& options) {
    std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    const std::int64_t room = options.size - static_cast<std::int64_t>(tokens.size());
    const std::int64_t for_characters = std::min(room, options.most_characters > 0 ? options.most_characters : options.size * 3 / 4);
    const auto characters = choose_alphabet(statistics.characters, options.min_frequency, for_characters);
    std::vector<char32_t> alphabet;
    for (const CharacterCount& character : characters) {
        alphabet.push_back(character.code);
        tokens.push_back(to_utf8({&character.code, 1}));
    }
    for (const CharacterCount& character : characters)
        if (character.in_longer_word) tokens.push_back("##" + to_utf8({&character.code, 1}));
    const auto pieces = merge_pieces(statistics.words, alphabet, options.size - static_cast<std::int64_t>(tokens.size()),
                                     options.min_frequency, [&] { comm.check_peers(); });
    tokens.insert(tokens.end(), pieces.begin(), pieces.end());
    return tokens;
}

}  // namespace

std::vector<std::string> train_vocabulary(parallel::Communicator& comm, const TextSource& source, const VocabularyOptions& options) {
    if (options.size < 16)
        base::fail(base::ErrorKind::usage, "a vocabulary of {} tokens has no room for characters: ask for at least 16", options.size);
    const WordStatistics statistics = count_words(comm, source, {.normalizer = options.normalizer,
                                                                 .min_frequency = options.min_frequency,
                                                                 .most_words = options.most_words});
    std::string joined;
    if (comm.is_root()) {
        if (statistics.pruned)
            base::log_info("the texts have more than {} distinct words: the vocabulary is made from the more frequent ones", options.most_words);
        if (!statistics.characters.empty())
            for (const std::string& token : make_vocabulary(comm, statistics, options)) joined += token + '\n';
    }
    parallel::broadcast_resized(comm, joined);
    // Decided on every rank alike, so that nobody waits for one that has left.
    if (joined.empty()) base::fail(base::ErrorKind::input, "there is no text to make a vocabulary from");
    std::vector<std::string> tokens;
    for (std::size_t at = 0; at < joined.size();) {
        const std::size_t end = joined.find('\n', at);
        tokens.push_back(joined.substr(at, end - at));
        at = end + 1;
    }
    return tokens;
}

}  // namespace kohort::text
