#include "text/unigram_files.h"

#include "base/atomic_file.h"
#include "text/text_marks.h"
#include "text/tokenizer_json_writer.h"

namespace kohort::text {
namespace {

using nlohmann::ordered_json;

constexpr const char* special_names[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
constexpr SpecialTokens special{.pad = 0, .unknown = 1, .classify = 2, .separate = 3, .mask = 4};

}  // namespace

TextNormalizer unigram_normalizer(bool lowercase) {
    TextNormalizer normalizer;
    normalizer.add(nfkc_step());
    if (lowercase) normalizer.add(lowercase_step());
    return normalizer;
}

std::int64_t unigram_tokens_added(std::int64_t sentinels) {
    return static_cast<std::int64_t>(std::size(special_names)) + sentinels;
}

void save_unigram(const UnigramPieces& pieces, bool lowercase, std::int64_t sentinels, const std::filesystem::path& folder,
                  std::int64_t most) {
    ordered_json vocabulary = ordered_json::array();
    std::vector<AddedToken> added;
    for (const char* name : special_names) {
        added.push_back({.id = static_cast<TokenId>(vocabulary.size()), .content = name});
        vocabulary.push_back({name, 0.0});
    }
    for (const auto& [text, score] : pieces) vocabulary.push_back({text, score});
    const auto first_sentinel = static_cast<TokenId>(vocabulary.size());
    for (std::int64_t i = 0; i < sentinels; ++i)
        added.push_back({.id = first_sentinel + static_cast<TokenId>(i), .content = sentinel_name(sentinels - 1 - i)});

    ordered_json steps = ordered_json::array({{{"type", "NFKC"}}});
    if (lowercase) steps.push_back({{"type", "Lowercase"}});
    PostProcessor post_processor;
    post_processor.single = {special.classify, PostProcessor::first, special.separate};
    post_processor.pair = {special.classify, PostProcessor::first, special.separate, PostProcessor::second, special.separate};
    const TokenNames name = [](TokenId id) { return std::string(special_names[id]); };
    const ordered_json tokenizer = {
        {"version", "1.0"},
        {"truncation", nullptr},
        {"padding", nullptr},
        {"added_tokens", added_tokens_json(added)},
        {"normalizer", {{"type", "Sequence"}, {"normalizers", steps}}},
        {"pre_tokenizer", {{"type", "WhitespaceSplit"}}},
        {"post_processor", post_processor_json(post_processor, name)},
        {"decoder", {{"type", "Fuse"}}},
        {"model", {{"type", "Unigram"}, {"unk_id", special.unknown}, {"vocab", vocabulary}, {"byte_fallback", false}}}};
    std::filesystem::create_directories(folder);
    base::write_file_atomically(folder / "tokenizer.json", tokenizer.dump(2) + '\n');
    ordered_json config = special_tokens_json(special, name);
    base::write_file_atomically(folder / "special_tokens_map.json", config.dump(2) + '\n');
    config["tokenizer_class"] = "PreTrainedTokenizerFast";
    config["model_max_length"] = most;
    // Without types of tokens, which GPT-2 and T5 would take for something else or refuse; BERT's are 0 by themselves.
    config["model_input_names"] = {"input_ids", "attention_mask"};
    base::write_file_atomically(folder / "tokenizer_config.json", config.dump(2) + '\n');
}

}  // namespace kohort::text
