#include "text/tokenizer_json_writer.h"

namespace kohort::text {
namespace {

using nlohmann::ordered_json;

ordered_json template_pieces(const std::vector<TokenId>& pattern, const TokenNames& name) {
    ordered_json pieces = ordered_json::array();
    int type = 0;
    for (const TokenId id : pattern) {
        if (id == PostProcessor::second) type = 1;
        if (id < 0)
            pieces.push_back({{"Sequence", {{"id", id == PostProcessor::first ? "A" : "B"}, {"type_id", type}}}});
        else
            pieces.push_back({{"SpecialToken", {{"id", name(id)}, {"type_id", type}}}});
    }
    return pieces;
}

}  // namespace

ordered_json added_tokens_json(const std::vector<AddedToken>& added) {
    ordered_json list = ordered_json::array();
    for (const AddedToken& token : added)
        list.push_back({{"id", token.id},
                        {"content", token.content},
                        {"single_word", token.single_word},
                        {"lstrip", token.lstrip},
                        {"rstrip", token.rstrip},
                        {"normalized", token.normalized},
                        {"special", token.special}});
    return list;
}

ordered_json post_processor_json(const PostProcessor& post_processor, const TokenNames& name) {
    ordered_json special = ordered_json::object();
    for (const auto* pattern : {&post_processor.single, &post_processor.pair})
        for (const TokenId id : *pattern)
            if (id >= 0) special[name(id)] = {{"id", name(id)}, {"ids", {id}}, {"tokens", {name(id)}}};
    return {{"type", "TemplateProcessing"},
            {"single", template_pieces(post_processor.single, name)},
            {"pair", template_pieces(post_processor.pair, name)},
            {"special_tokens", special}};
}

ordered_json special_tokens_json(const SpecialTokens& special, const TokenNames& name) {
    ordered_json map = ordered_json::object();
    const auto add = [&](const char* role, TokenId id) {
        if (id >= 0) map[role] = name(id);
    };
    add("unk_token", special.unknown);
    add("sep_token", special.separate);
    add("pad_token", special.pad);
    add("cls_token", special.classify);
    add("mask_token", special.mask);
    return map;
}

}  // namespace kohort::text
