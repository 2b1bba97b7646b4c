// Which file of a folder is read, tokenizer.json for byte-level BPE and unigram, and files that are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "random_text.h"
#include "refusal.h"
#include "sentencepiece_builder.h"
#include "temporary_folder.h"
#include "text/byte_level_bpe.h"

namespace kohort::text {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

const json null_value;

// RoBERTa's special tokens, every byte, and "ab".
json byte_vocabulary() {
    json vocabulary = {{"<s>", 0}, {"<pad>", 1}, {"</s>", 2}, {"<unk>", 3}, {"<mask>", 4}};
    for (const auto& piece : spelled_bytes()) vocabulary[piece] = vocabulary.size();
    vocabulary["ab"] = 261;
    vocabulary["Ġa"] = 262;
    return vocabulary;
}

TokenId byte(char value) { return 5 + static_cast<unsigned char>(value); }

json bpe_json() {
    auto file = json::parse(R"({
        "added_tokens": [{"id": 0, "content": "<s>", "special": true},
                         {"id": 4, "content": "<mask>", "special": true, "lstrip": true}],
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]},
        "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": "", "fuse_unk": false,
                  "merges": ["a b", "Ġ a"]}})");
    file["model"]["vocab"] = byte_vocabulary();
    return file;
}

json unigram_json() {
    return json::parse(R"({
        "added_tokens": [{"id": 1, "content": "</s>", "special": true}],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Strip", "strip_left": false, "strip_right": true},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}},
        "model": {"type": "Unigram", "unk_id": 0,
                  "vocab": [["<unk>", 0.0], ["</s>", 0.0], ["▁", -2.5], ["a", -3.0], ["▁a", -4.0], ["b", -3]]}})");
}

class TokenizerFiles : public testing::Test {
  protected:
    void write(const char* name, const std::string& bytes) const { base::write_file_atomically(folder_.path() / name, bytes); }
    // What is said of the file with one part changed.
    std::string refusal(json file, const char* pointer, const json& value) const {
        file[json::json_pointer(pointer)] = value;
        write("tokenizer.json", file.dump());
        const auto message = refusal_of(folder_.path());
        EXPECT_THAT(message, HasSubstr("tokenizer.json"));
        return message;
    }

    TemporaryFolder folder_;
};

TEST_F(TokenizerFiles, are_looked_for_in_the_order_of_transformers) {
    write("spiece.model", ModelWriter::small().bytes());
    EXPECT_EQ(load_tokenizer(folder_.path())->vocabulary_size(), 109);
    write("encoder.json", byte_vocabulary().dump());
    write("vocab.bpe", "#version: 0.2\na b\n");
    EXPECT_EQ(load_tokenizer(folder_.path())->vocabulary_size(), 263);
    EXPECT_EQ(load_tokenizer(folder_.path() / "encoder.json")->vocabulary_size(), 263);
    EXPECT_EQ(load_tokenizer(folder_.path() / "vocab.bpe")->vocabulary_size(), 263);
    write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n");
    EXPECT_EQ(load_tokenizer(folder_.path())->vocabulary_size(), 6);
    write("tokenizer.json", unigram_json().dump());
    EXPECT_EQ(load_tokenizer(folder_.path())->vocabulary_size(), 6);
    EXPECT_THAT(load_tokenizer(folder_.path())->encode_for_model("a", 9), ElementsAre(4, 1));
    EXPECT_EQ(load_tokenizer(folder_.path() / "spiece.model")->vocabulary_size(), 109);
}

TEST_F(TokenizerFiles, what_is_missing_is_said) {
    EXPECT_THAT(refusal_of(folder_.path()), HasSubstr("so there is no tokenizer in it"));
    write("vocab.bpe", "");
    EXPECT_THAT(refusal_of(folder_.path()), HasSubstr("vocab.bpe is there, but encoder.json is missing"));
    write("one.model", "");
    write("two.model", "");
    EXPECT_THAT(refusal_of(folder_.path()), HasSubstr("more than one .model file"));
    EXPECT_THAT(refusal_of(folder_.path() / "one.model"), HasSubstr("one.model"));
}

TEST_F(TokenizerFiles, of_roberta_put_its_special_tokens_around) {
    write("vocab.json", byte_vocabulary().dump());
    write("merges.txt", "#version: 0.2\na b\nĠ a\n");
    const auto roberta = load_tokenizer(folder_.path());
    EXPECT_THAT(roberta->encode_for_model("ab a", 9), ElementsAre(0, 261, 262, 2));
    EXPECT_THAT(roberta->encode_for_model("ab a", 3), ElementsAre(0, 261, 2));
    EXPECT_THAT(roberta->encode_for_model("b <mask> a", 9), ElementsAre(0, byte('b'), 4, 262, 2));
    EXPECT_THAT(roberta->encode_pair_for_model("ab", "b", 9), ElementsAre(0, 261, 2, 2, byte('b'), 2));
    EXPECT_EQ(roberta->special().mask, 4);
    EXPECT_EQ(roberta->special().pad, 1);
    write("tokenizer_config.json", R"({"add_prefix_space": true})");
    EXPECT_THAT(load_tokenizer(folder_.path())->encode_for_model("a", 9), ElementsAre(0, 262, 2));
    write("tokenizer_config.json", "no");
    EXPECT_THAT(refusal_of(folder_.path()), HasSubstr("tokenizer_config.json"));
}

// What a vocabulary holds does not say whose it is: OPT's, of the class GPT2Tokenizer, has <s> and </s> as RoBERTa's has.
TEST_F(TokenizerFiles, of_byte_level_bpe_are_of_the_class_that_is_named) {
    auto vocabulary = byte_vocabulary();
    vocabulary["<|endoftext|>"] = 263;
    write("vocab.json", vocabulary.dump());
    write("merges.txt", "#version: 0.2\na b\nĠ a\n");
    const auto ids = [&](const char* config, const char* text) {
        write("tokenizer_config.json", config);
        return load_tokenizer(folder_.path())->encode_for_model(text, 99);
    };
    for (const char* config : {R"({"tokenizer_class": "GPT2Tokenizer"})", R"({"tokenizer_class": "GPT2TokenizerFast"})"}) {
        EXPECT_THAT(ids(config, "ab a<|endoftext|>"), ElementsAre(261, 262, 263));
        EXPECT_THAT(ids(config, "<s>"), ElementsAre(byte('<'), byte('s'), byte('>')));
    }
    const char* named = R"({"tokenizer_class": "GPT2Tokenizer", "bos_token": "<s>", "unk_token": null, "mask_token": "<none>",
                            "pad_token": {"__type": "AddedToken", "content": "<pad>", "lstrip": true},
                            "additional_special_tokens": ["ab"]})";
    EXPECT_THAT(ids(named, "<s>b <pad>ab"), ElementsAre(0, byte('b'), 1, 261));
    EXPECT_THAT(ids(named, "<|endoftext|>"), ElementsAre(263)) << "still the eos_token";
    const char* begun = R"({"tokenizer_class": "GPT2Tokenizer", "bos_token": "</s>", "add_bos_token": true})";
    EXPECT_THAT(ids(begun, "ab</s>"), ElementsAre(2, 261, 2));
    EXPECT_THAT(load_tokenizer(folder_.path())->encode_pair_for_model("ab", "ab", 99), ElementsAre(2, 261, 261));
    for (const char* name : {"RobertaTokenizer", "BartTokenizerFast", "LongformerTokenizer"})
        EXPECT_THAT(ids(json{{"tokenizer_class", name}}.dump().c_str(), "ab <mask>"), ElementsAre(0, 261, 4, 2)) << name;
    EXPECT_THAT(ids(R"({"tokenizer_class": "RobertaTokenizer", "cls_token": "<pad>", "sep_token": "<unk>"})", "ab"),
                ElementsAre(1, 261, 3));
    EXPECT_THAT(ids(R"({"tokenizer_class": null})", "ab"), ElementsAre(0, 261, 2));

    // special_tokens_map.json goes before the settings, unless they list the added tokens.
    write("special_tokens_map.json", R"({"pad_token": "<pad>"})");
    EXPECT_THAT(ids(R"({"tokenizer_class": "GPT2Tokenizer", "pad_token": "<s>"})", "<pad>"), ElementsAre(1));
    load_tokenizer(folder_.path())->save(folder_.path() / "copy", 99);
    EXPECT_THAT(load_tokenizer(folder_.path() / "copy")->encode_for_model("<pad>", 99), ElementsAre(1));
    EXPECT_THAT(ids(R"({"tokenizer_class": "GPT2Tokenizer", "pad_token": "<s>", "added_tokens_decoder": {}})", "<s>"),
                ElementsAre(0));

    // What is listed of an added token counts where the settings name its role too; else the class has its own way.
    const json listed = {{"4", {{"content", "<mask>"}, {"special", true}}}};
    json both = {{"tokenizer_class", "RobertaTokenizer"}, {"added_tokens_decoder", listed}};
    EXPECT_THAT(ids(both.dump().c_str(), "b <mask>"), ElementsAre(0, byte('b'), 4, 2));
    both["mask_token"] = "<mask>";
    EXPECT_THAT(ids(both.dump().c_str(), "b <mask>"), ElementsAre(0, byte('b'), byte(' '), 4, 2));

    const auto said = [&](const char* config) {
        write("tokenizer_config.json", config);
        return refusal_of(folder_.path());
    };
    EXPECT_THAT(said(R"({"tokenizer_class": "CodeGenTokenizer"})"),
                HasSubstr("tokenizer_config.json says that it is for CodeGenTokenizer, but Kohort knows only GPT2Tokenizer, "
                          "RobertaTokenizer, BartTokenizer and LongformerTokenizer"));
    EXPECT_THAT(said(R"({"tokenizer_class": 7})"), HasSubstr("tokenizer_config.json: tokenizer_class is 7"));
    EXPECT_THAT(said(R"({"tokenizer_class": "RobertaTokenizer", "cls_token": "[CLS]"})"),
                HasSubstr("has no cls_token \"[CLS]\""));
    EXPECT_THAT(said(R"({"tokenizer_class": "RobertaTokenizer", "sep_token": null})"), HasSubstr("has no sep_token \"\""));
    EXPECT_THAT(said(R"({"tokenizer_class": "GPT2Tokenizer", "sep_token": 7})"), HasSubstr("sep_token is 7"));
    EXPECT_THAT(said(R"({"tokenizer_class": "GPT2Tokenizer", "additional_special_tokens": "x"})"),
                HasSubstr("additional_special_tokens is \"x\""));
}

TEST_F(TokenizerFiles, of_wordpiece_are_of_the_class_that_is_named) {
    write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n");
    for (const char* name :
         {"BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "ElectraTokenizer", "ConvBertTokenizer"}) {
        write("tokenizer_config.json", json{{"tokenizer_class", name}}.dump());
        EXPECT_THAT(load_tokenizer(folder_.path())->encode_for_model("a", 9), ElementsAre(2, 5, 3)) << name;
    }
    write("tokenizer_config.json", R"({"tokenizer_class": null})");
    EXPECT_THAT(load_tokenizer(folder_.path())->encode_for_model("a", 9), ElementsAre(2, 5, 3));
    for (const char* name : {"BertJapaneseTokenizer", "MPNetTokenizer"}) {
        write("tokenizer_config.json", json{{"tokenizer_class", name}}.dump());
        EXPECT_THAT(refusal_of(folder_.path()), HasSubstr(std::string("tokenizer_config.json says that it is for ") + name));
        EXPECT_THAT(refusal_of(folder_.path()),
                    HasSubstr("BertTokenizer, DistilBertTokenizer, ElectraTokenizer and ConvBertTokenizer"));
    }
    // Beside a tokenizer.json the class changes nothing.
    write("tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast"})");
    write("tokenizer.json", unigram_json().dump());
    EXPECT_THAT(load_tokenizer(folder_.path())->encode_for_model("a", 9), ElementsAre(4, 1));
}

// People add tokens to a vocabulary; folders without tokenizer.json say so in files beside it.
TEST_F(TokenizerFiles, that_lie_beside_add_their_tokens) {
    write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n");
    write("added_tokens.json", R"({"[USER]": 8, "A b": 7})");
    write("special_tokens_map.json", R"({"unk_token": "[UNK]", "additional_special_tokens": [{"content": "[USER]"}]})");
    const auto bert = load_tokenizer(folder_.path());
    EXPECT_EQ(bert->vocabulary_size(), 9);
    EXPECT_THAT(bert->encode_for_model("a[USER]A B", 9), ElementsAre(2, 5, 8, 7, 3));
    EXPECT_THAT(bert->encode_for_model("[user]", 9), ElementsAre(2, 1, 1, 1, 3));  // a special one is not normalised
    bert->save(folder_.path() / "copy", 99);
    EXPECT_EQ(load_tokenizer(folder_.path() / "copy")->encode_for_model("a[USER]", 9), bert->encode_for_model("a[USER]", 9));
    write("added_tokens.json", R"({"[USER]": 6})");
    EXPECT_THAT(refusal_of(folder_.path()), HasSubstr("\"[USER]\" has the id 6, but the vocabulary has \"b\" there"));
    write("added_tokens.json", R"({"[MASK]": 9})");
    EXPECT_THAT(refusal_of(folder_.path()), HasSubstr("\"[MASK]\" has the id 9, but the vocabulary has it as 4"));
    // The newer file goes before the older one.
    write("tokenizer_config.json", R"({"added_tokens_decoder": {"7": {"content": "[X]", "special": true, "rstrip": true}}})");
    EXPECT_THAT(load_tokenizer(folder_.path())->encode_for_model("[X] [MASK]", 9), ElementsAre(2, 7, 4, 3));
    write("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "[X]"}}})");
    EXPECT_THAT(refusal_of(folder_.path()), HasSubstr("an entry \"x\" that is no token"));
}

TEST_F(TokenizerFiles, of_bpe_and_sentencepiece_have_added_tokens_too) {
    write("vocab.json", byte_vocabulary().dump());
    write("merges.txt", "a b\n");
    write("added_tokens.json", R"({"[PAD]": 263})");
    const auto bpe = load_tokenizer(folder_.path());
    EXPECT_THAT(bpe->encode_for_model("ab[PAD]", 9), ElementsAre(0, 261, 263, 2));
    bpe->save(folder_.path() / "copy", 99);
    EXPECT_EQ(load_tokenizer(folder_.path() / "copy")->vocabulary_size(), 264);
    write("spiece.model", ModelWriter::small().bytes());
    write("added_tokens.json", R"({"[ITEM]": 109, "<extra_id_0>": 108})");
    const auto t5 = load_tokenizer(folder_.path() / "spiece.model");
    EXPECT_THAT(t5->encode_for_model("a[ITEM]<extra_id_0>", 9), ElementsAre(6, 109, 108, 1));
    EXPECT_EQ(t5->token(109), "[ITEM]");
}

TEST_F(TokenizerFiles, tokenizer_json_of_roberta_means_the_same) {
    auto file = bpe_json();
    write("tokenizer.json", file.dump());
    EXPECT_THAT(load_tokenizer(folder_.path())->encode_for_model("ab a <mask>", 9), ElementsAre(0, 261, 262, 4, 2));
    EXPECT_THAT(load_tokenizer(folder_.path())->encode_pair_for_model("ab", "b", 9), ElementsAre(0, 261, 2, 2, byte('b'), 2));
    const json byte_level = {{"type", "ByteLevel"}}, around = file["post_processor"];
    file["post_processor"] = {{"type", "Sequence"}, {"processors", {byte_level, around, byte_level}}};
    write("tokenizer.json", file.dump());
    EXPECT_THAT(load_tokenizer(folder_.path())->encode_for_model("ab", 9), ElementsAre(0, 261, 2));
    file["pre_tokenizer"]["add_prefix_space"] = true;
    file["post_processor"] = {{"type", "ByteLevel"}, {"trim_offsets", true}};
    file["model"]["merges"] = json::parse(R"([["a", "b"], ["Ġ", "a"]])");
    write("tokenizer.json", file.dump());
    const auto tokenizer = load_tokenizer(folder_.path());
    EXPECT_THAT(tokenizer->encode_for_model("a<mask>a", 9), ElementsAre(262, 4, 262));
    EXPECT_THAT(tokenizer->encode_for_model("", 9), ElementsAre());
    file["model"]["ignore_merges"] = true;
    file["model"]["merges"] = json::array();
    file["pre_tokenizer"]["use_regex"] = false;
    write("tokenizer.json", file.dump());
    EXPECT_THAT(load_tokenizer(folder_.path())->encode_for_model("a", 9), ElementsAre(262));
    EXPECT_THAT(load_tokenizer(folder_.path())->encode_for_model("a b", 9),
                ElementsAre(byte(' '), byte('a'), byte(' '), byte('b')));
}

TEST_F(TokenizerFiles, tokenizer_json_of_unigram_is_read_with_its_normalizer) {
    write("tokenizer.json", unigram_json().dump());
    const auto tokenizer = load_tokenizer(folder_.path());
    EXPECT_THAT(tokenizer->encode_for_model("b  a ", 9), ElementsAre(2, 5, 4, 1));
    EXPECT_THAT(tokenizer->encode_pair_for_model("a", "b", 9), ElementsAre(4, 2, 5));
    auto older = unigram_json();  // before types were stored, and by the older name of a setting
    older["model"].erase("type");
    older["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "▁"}, {"str_rep", "▁"}, {"add_prefix_space", false}};
    write("tokenizer.json", older.dump());
    EXPECT_THAT(load_tokenizer(folder_.path())->encode_for_model("a", 9), ElementsAre(3, 1));
}

TEST_F(TokenizerFiles, of_one_kind_serve_many_threads) {
    write("tokenizer.json", bpe_json().dump());
    const auto bpe = load_tokenizer(folder_.path());
    write("tokenizer.json", unigram_json().dump());
    const auto unigram = load_tokenizer(folder_.path());
    std::vector<std::string> texts;
    RandomText random(9);
    for (int i = 0; i < 300; ++i) texts.push_back(random.next() + " ab a");
    const auto all_ids = [&] {
        std::vector<std::vector<TokenId>> ids;
        for (const auto& text : texts)
            for (const auto* tokenizer : {bpe.get(), unigram.get()}) ids.push_back(tokenizer->encode_for_model(text, 1 << 20));
        return ids;
    };
    const auto expected = all_ids();
    std::vector<std::future<std::vector<std::vector<TokenId>>>> others;
    for (int i = 0; i < 8; ++i) others.push_back(std::async(std::launch::async, all_ids));
    for (auto& other : others) EXPECT_EQ(other.get(), expected);
}

TEST_F(TokenizerFiles, are_saved_as_they_were_read) {
    write("tokenizer_config.json", R"({"model_max_length": 512})");
    for (const auto& file : {bpe_json(), unigram_json()}) {
        write("tokenizer.json", file.dump());
        load_tokenizer(folder_.path())->save(folder_.path() / "copy", 128);
        for (const char* name : {"tokenizer.json", "tokenizer_config.json"})
            EXPECT_EQ(base::read_file(folder_.path() / "copy" / name), base::read_file(folder_.path() / name));
    }
    const TemporaryFolder other;
    base::write_file_atomically(other.path() / "encoder.json", byte_vocabulary().dump());
    base::write_file_atomically(other.path() / "vocab.bpe", "a b\n");
    load_tokenizer(other.path())->save(other.path() / "copy", 128);
    EXPECT_THAT(load_tokenizer(other.path() / "copy")->encode_for_model("ab", 9), ElementsAre(0, 261, 2));
}

// Hugging Face's tokenizers give 263 to the first, whatever the file says, and ids that the pieces have to the others.
TEST_F(TokenizerFiles, with_added_tokens_of_other_ids_than_others_give_them_are_refused) {
    const auto with_added = [](const char* tokens) {
        auto file = bpe_json();
        file["added_tokens"] = json::parse(tokens);
        return file;
    };
    for (const auto& [tokens, said] : {std::pair(R"([{"id": 5, "content": "World"}])", "\"World\" has the id 5 there, and 263"),
                                       {R"([{"id": 264, "content": "World"}])", "and 263 by its vocabulary"},
                                       {R"([{"id": 263, "content": "ab"}])", "\"ab\" has the id 263 there, and 261"},
                                       {R"([{"id": 263, "content": "World"}, {"id": 264, "content": "World"}])", "264 there, and 263"}}) {
        write("tokenizer.json", with_added(tokens).dump());
        EXPECT_THAT(refusal_of(folder_.path()), HasSubstr(said));
    }
    auto unigram = unigram_json();
    unigram["added_tokens"].push_back({{"id", 7}, {"content", "[X]"}});
    write("tokenizer.json", unigram.dump());
    EXPECT_THAT(refusal_of(folder_.path()), HasSubstr("and 6 by its vocabulary"));
    write("tokenizer.json", with_added(R"([{"id": 263, "content": "[X]"}, {"id": 264, "content": "[Y]"}, {"id": 261, "content": "ab"}])").dump());
    EXPECT_THAT(load_tokenizer(folder_.path())->encode_for_model("[Y]ab[X]", 9), ElementsAre(0, 264, 261, 263, 2));
}

TEST_F(TokenizerFiles, of_bpe_that_cannot_be_are_refused) {
    EXPECT_THAT(refusal(bpe_json(), "/model/merges", json::array({"a b", "b x y"})), HasSubstr("merge 2 is no pair"));
    EXPECT_THAT(refusal(bpe_json(), "/model/merges", json::array({"a b", "b a"})), HasSubstr("\"ba\""));
    EXPECT_THAT(refusal(bpe_json(), "/model/merges", json::array({1})), HasSubstr("merge 1"));
    EXPECT_THAT(refusal(bpe_json(), "/model/vocab/ab", 7), HasSubstr("two entries with the id 7"));
    EXPECT_THAT(refusal(bpe_json(), "/model/vocab/ab", -7), HasSubstr("-7"));
    EXPECT_THAT(refusal(bpe_json(), "/model/vocab/ab", 1LL << 40), HasSubstr("1099511627776"));
    EXPECT_THAT(refusal(bpe_json(), "/model/vocab/ab", "x"), HasSubstr("\"x\""));
    EXPECT_THAT(refusal(bpe_json(), "/model/vocab", json::array({1, 2})), HasSubstr("no object"));
    EXPECT_THAT(refusal(bpe_json(), "/model/unk_token", "<none>"), HasSubstr("<none>"));
    EXPECT_THAT(refusal(bpe_json(), "/model/dropout", 0.1), HasSubstr("dropout"));
    EXPECT_THAT(refusal(bpe_json(), "/model/end_of_word_suffix", "</w>"), HasSubstr("end_of_word_suffix"));
    EXPECT_THAT(refusal(bpe_json(), "/pre_tokenizer/type", "Split"), HasSubstr("'Split'"));
    EXPECT_THAT(refusal(bpe_json(), "/added_tokens/0/id", 1LL << 40), HasSubstr("1099511627776"));
    EXPECT_THAT(refusal(bpe_json(), "/added_tokens/0/content", ""), HasSubstr("no text"));
    EXPECT_THAT(refusal(bpe_json(), "/model/vocab/ab", 261.5), HasSubstr("261.5"));
    EXPECT_THAT(refusal(bpe_json(), "/added_tokens/0/id", 0.0), HasSubstr("0.0"));
    EXPECT_THAT(refusal(bpe_json(), "/post_processor/type", "Unheard"), HasSubstr("'Unheard'"));
    const json byte_level = {{"type", "ByteLevel"}}, around = bpe_json()["post_processor"];
    EXPECT_THAT(refusal(bpe_json(), "/post_processor", {{"type", "Sequence"}, {"processors", {byte_level, around, around}}}),
                HasSubstr("Sequence of more than one part beside ByteLevel"));
    EXPECT_THAT(refusal(bpe_json(), "/post_processor/sep", json::array({"</s>"})), HasSubstr("tokenizer.json"));
    EXPECT_THAT(refusal(bpe_json(), "/post_processor/sep/1", -1), HasSubstr("the id -1"));
    EXPECT_THAT(refusal(bpe_json(), "/post_processor/sep/1", 263), HasSubstr("adds the token 263"));
}

TEST_F(TokenizerFiles, of_unigram_that_cannot_be_are_refused) {
    EXPECT_THAT(refusal(unigram_json(), "/model/vocab/5/0", "a"), HasSubstr("\"a\" comes twice"));
    EXPECT_THAT(refusal(unigram_json(), "/model/vocab/5/0", ""), HasSubstr("empty"));
    EXPECT_THAT(refusal(unigram_json(), "/model/vocab/5", json::array({"c"})), HasSubstr("out of range"));
    EXPECT_THAT(refusal(unigram_json(), "/model/vocab/5/1", "x"), HasSubstr("number"));
    EXPECT_THAT(refusal(unigram_json(), "/model/unk_id", 6), HasSubstr("unk_id is 6"));
    EXPECT_THAT(refusal(unigram_json(), "/model/unk_id", null_value), HasSubstr("unk_id is null"));
    EXPECT_THAT(refusal(unigram_json(), "/pre_tokenizer/type", "Punctuation"), HasSubstr("'Punctuation'"));
    EXPECT_THAT(refusal(unigram_json(), "/pre_tokenizer/prepend_scheme", "last"), HasSubstr("'last'"));
    EXPECT_THAT(refusal(unigram_json(), "/pre_tokenizer/replacement", "__"), HasSubstr("\"__\""));
    EXPECT_THAT(refusal(unigram_json(), "/normalizer/type", "BertNormalizer"), HasSubstr("'BertNormalizer'"));
    EXPECT_THAT(refusal(unigram_json(), "/normalizer/normalizers/1/pattern/Regex", "a+"), HasSubstr("a+"));
    EXPECT_THAT(refusal(unigram_json(), "/normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "????"}}),
                HasSubstr("base64"));
    EXPECT_THAT(refusal(unigram_json(), "/normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "AAAA"}}),
                HasSubstr("broken"));
    EXPECT_THAT(refusal(unigram_json(), "/post_processor/single", json::array()), HasSubstr("each text once"));
    EXPECT_THAT(refusal(unigram_json(), "/post_processor/pair/1/Sequence/id", "A"), HasSubstr("each text once"));
    EXPECT_THAT(refusal(unigram_json(), "/post_processor/special_tokens/<~1s>/ids/0", 99), HasSubstr("adds the token 99"));
    json nested = {{"type", "Sequence"}, {"normalizers", json::array()}};
    for (int i = 0; i < 100; ++i) nested = {{"type", "Sequence"}, {"normalizers", json::array({nested})}};
    EXPECT_THAT(refusal(unigram_json(), "/normalizer", nested), HasSubstr("nested"));
    write("tokenizer.json", unigram_json().dump().substr(0, 200));
    EXPECT_THAT(refusal_of(folder_.path()), HasSubstr("parse error"));
}

TEST_F(TokenizerFiles, that_are_damaged_are_refused_or_do_no_harm) {
    RandomText random(10);
    int refused = 0, read = 0;
    for (const auto& file : {bpe_json(), unigram_json()}) {
        const auto whole = file.dump();
        for (int round = 0; round < 1500; ++round) {
            auto bytes = whole;
            // Half of the damage spares the long list of pieces.
            for (auto left = 1 + random.below(3); left > 0; --left) {
                const auto size = static_cast<std::uint32_t>(bytes.size());
                const auto place = random.below(2) == 0 ? random.below(size) : size - 1 - random.below(std::min(size, 700u));
                bytes[place] = static_cast<char>(0x20 + random.below(0x5F));
            }
            write("tokenizer.json", bytes);
            try {
                const auto tokenizer = load_tokenizer(folder_.path());
                for (const TokenId id : tokenizer->encode_for_model(random.next() + " ab a</s>", 64))
                    ASSERT_TRUE(id >= 0 && id < tokenizer->vocabulary_size()) << bytes;
                ++read;
            } catch (const base::Error& error) {
                ASSERT_EQ(error.kind(), base::ErrorKind::usage) << error.what();
                ++refused;
            }
        }
    }
    EXPECT_GT(refused, 300);
    EXPECT_GT(read, 100);
}

}  // namespace
}  // namespace kohort::text
