// SentencePiece's model files: what the library does with them, and files that are none.
#include "text/sentencepiece_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/atomic_file.h"
#include "base/error.h"
#include "charsmap_builder.h"
#include "refusal.h"
#include "sentencepiece_builder.h"
#include "shared_data.h"
#include "temporary_folder.h"

namespace kohort::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = SentencePieceModel::Kind;

std::vector<TokenId> encode(const Tokenizer& tokenizer, std::string_view text) {
    std::vector<TokenId> ids;
    tokenizer.encode(text, ids);
    return ids;
}

std::vector<TokenId> ids_of(const ModelWriter& writer, std::string_view text) {
    return encode(SentencePieceTokenizer(parse_sentencepiece_model(writer.bytes()), {}, {}), text);
}

// The ids are those of the sentencepiece library 0.2.0.
TEST(SentencePiece, gives_the_librarys_ids) {
    KOHORT_NEED_SHARED(english, "data/spm_google_test/test_model.model");
    KOHORT_NEED_SHARED(japanese, "data/spm_google_test/test_ja_model.model");
    const auto en = load_tokenizer(english), ja = load_tokenizer(japanese);
    EXPECT_EQ(en->vocabulary_size(), 1000);
    EXPECT_THAT(encode(*en, "I saw a girl with a telescope."),
                ElementsAre(9, 459, 11, 939, 44, 11, 4, 142, 82, 8, 28, 21, 132, 6));
    EXPECT_THAT(encode(*en, "  Ｈｅｌｌｏ　world  "), ElementsAre(151, 88, 21, 887));
    EXPECT_THAT(encode(*en, "①２３ ㈱ ﾊﾟ"), ElementsAre(4, 357, 596, 0, 420, 0, 394, 4, 0));
    EXPECT_THAT(encode(*en, "吾輩は猫である。"), ElementsAre(4, 0));
    EXPECT_THAT(encode(*ja, "吾輩は猫である。"), ElementsAre(6, 3973, 6019, 9, 6022, 24, 5));
    EXPECT_THAT(encode(*ja, "①２３ ㈱ ﾊﾟ"), ElementsAre(1847, 33, 6, 11, 4122, 7, 6, 1120));
    EXPECT_THAT(en->encode_for_model("", 5), ElementsAre(2));
    EXPECT_EQ(en->special().separate, 2);
}

TEST(SentencePiece, white_space_is_made_single_and_marked) {
    auto writer = ModelWriter::small();
    EXPECT_THAT(ids_of(writer, "ab a"), ElementsAre(3, 7, 6));
    EXPECT_THAT(ids_of(writer, "  a   b "), ElementsAre(6, 3, 5));
    EXPECT_THAT(ids_of(writer, "   "), ElementsAre());
    EXPECT_THAT(ids_of(writer, "a▁▁"), ElementsAre(6));
    writer.normalizer = proto_integer(4, 0);  // white space stays
    EXPECT_THAT(ids_of(writer, " a  b"), ElementsAre(3, 6, 3, 3, 5));
    writer.normalizer = proto_integer(3, 0);  // no mark in front
    EXPECT_THAT(ids_of(writer, "ab a"), ElementsAre(7, 6));
    writer.normalizer = "";
    writer.trainer = proto_integer(24, 1);  // the mark is behind
    EXPECT_THAT(ids_of(writer, "ab a"), ElementsAre(7, 6, 3));
    writer.trainer = "";
    writer.normalizer = proto_integer(5, 0);  // a blank stays a blank, which no piece has
    EXPECT_THAT(ids_of(writer, "a b"), ElementsAre(2, 4, 2, 5));
}

TEST(SentencePiece, rules_are_applied_longest_first_and_may_make_white_space) {
    auto writer = ModelWriter::small();
    writer.normalizer = proto_bytes(2, charsmap_bytes({{"x", "a"}, {"xx", "b"}, {"\t", " "}, {"z", ""}, {"y", " a "}}));
    EXPECT_THAT(ids_of(writer, "xxx"), ElementsAre(3, 5, 4));
    EXPECT_THAT(ids_of(writer, "\t\txz\t \tb\t"), ElementsAre(6, 3, 5));
    EXPECT_THAT(ids_of(writer, "yy"), ElementsAre(6, 6));
}

TEST(SentencePiece, kinds_of_pieces_are_kept_apart) {
    auto writer = ModelWriter::small();
    writer.piece("ca", -1, Kind::unused).piece("bc", -1, Kind::control).piece("xa", 0, Kind::user_defined);
    EXPECT_THAT(ids_of(writer, "ca"), ElementsAre(3, 8, 4));       // not the unused one
    EXPECT_THAT(ids_of(writer, "bc"), ElementsAre(3, 5, 8));       // nor the control symbol
    EXPECT_THAT(ids_of(writer, "xab"), ElementsAre(3, 11, 5));     // the user's own comes first
    writer.normalizer = proto_bytes(2, charsmap_bytes({{"x", "c"}}));
    EXPECT_THAT(ids_of(writer, "xxab"), ElementsAre(3, 8, 11, 5));  // and is not normalised
}

TEST(SentencePiece, what_is_unknown_is_one_token_or_its_bytes) {
    auto writer = ModelWriter::small();
    EXPECT_THAT(ids_of(writer, "aé中b\xFF"), ElementsAre(6, 2, 5, 2));
    writer.byte_pieces();
    EXPECT_THAT(ids_of(writer, "éa"), ElementsAre(3, 9 + 0xC3, 9 + 0xA9, 4));
    EXPECT_THAT(ids_of(writer, "\xFF"), ElementsAre(3, 9 + 0xEF, 9 + 0xBF, 9 + 0xBD));
}

TEST(SentencePiece, has_the_special_tokens_of_t5) {
    const TemporaryFolder folder;
    base::write_file_atomically(folder.path() / "spiece.model", ModelWriter::small().bytes());
    const auto t5 = load_tokenizer(folder.path());
    EXPECT_EQ(t5->vocabulary_size(), 109);
    EXPECT_EQ(t5->token(108), "<extra_id_0>");
    EXPECT_THAT(t5->encode_for_model("a <extra_id_0>\x1D b<extra_id_99>", 99), ElementsAre(6, 108, 3, 5, 9, 1));
    EXPECT_THAT(t5->encode_for_model("a</s>", 99), ElementsAre(6, 1));
    EXPECT_THAT(t5->encode_for_model("a</s></s>b<pad><unk>", 99), ElementsAre(6, 1, 1, 3, 5, 0, 2, 1));
    EXPECT_THAT(t5->encode_pair_for_model("a", "b", 99), ElementsAre(6, 1, 3, 5, 1));
    EXPECT_THAT(t5->encode_for_model("a b", 3), ElementsAre(6, 3, 1));
    EXPECT_EQ(t5->special().pad, 0);
    EXPECT_EQ(t5->special().unknown, 2);

    base::write_file_atomically(folder.path() / "tokenizer_config.json", R"({"extra_ids": 2})");
    EXPECT_EQ(load_tokenizer(folder.path())->vocabulary_size(), 11);
    base::write_file_atomically(folder.path() / "tokenizer_config.json", R"({"extra_ids": -1})");
    EXPECT_THAT(refusal_of(folder.path()), HasSubstr("extra_ids is -1"));
    base::write_file_atomically(folder.path() / "tokenizer_config.json", "[");
    EXPECT_THAT(refusal_of(folder.path()), HasSubstr("tokenizer_config.json: no JSON object"));
}

// transformers' rule for tokenizers in Python: prepare_for_model cuts a text to what leaves room for the special tokens, then
// T5Tokenizer's _add_eos_if_not_present puts </s> behind what is left.
TEST(SentencePiece, a_text_of_t5_that_is_cut_behind_its_own_end_gets_no_second_one) {
    const TemporaryFolder folder;
    base::write_file_atomically(folder.path() / "spiece.model", ModelWriter::small().bytes());
    const auto t5 = load_tokenizer(folder.path());
    EXPECT_THAT(t5->encode_for_model("a</s> b", 9), ElementsAre(6, 1, 3, 5, 1));
    EXPECT_THAT(t5->encode_for_model("a</s> b", 4), ElementsAre(6, 1, 3, 1));
    EXPECT_THAT(t5->encode_for_model("a</s> b", 3), ElementsAre(6, 1));
    EXPECT_THAT(t5->encode_for_model("a</s> b", 2), ElementsAre(6, 1));
    EXPECT_THAT(t5->encode_for_model("a</s>", 2), ElementsAre(6, 1));
    EXPECT_THAT(t5->encode_for_model("a</s></s>", 4), ElementsAre(6, 1, 1));
    EXPECT_THAT(t5->encode_for_model("a</s></s>", 3), ElementsAre(6, 1));
    EXPECT_THAT(t5->encode_for_model("</s>", 1), ElementsAre(1));
    EXPECT_THAT(t5->encode_pair_for_model("a</s> b", "b", 6), ElementsAre(6, 1, 3, 5, 1));
    EXPECT_THAT(t5->encode_pair_for_model("a</s> b", "b</s>", 99), ElementsAre(6, 1, 3, 5, 1, 3, 5, 1));
}

TEST(SentencePiece, text_behind_a_special_token_gets_no_prefix_where_it_is_no_legacy) {
    const TemporaryFolder folder;
    base::write_file_atomically(folder.path() / "spiece.model", ModelWriter::small().bytes());
    const std::string before = "a</s>b</s> b▁a<extra_id_0>a";
    EXPECT_THAT(load_tokenizer(folder.path())->encode_for_model(before, 99), ElementsAre(6, 1, 3, 5, 1, 3, 5, 6, 108, 6, 1));
    base::write_file_atomically(folder.path() / "tokenizer_config.json", R"({"legacy": false})");
    const auto t5 = load_tokenizer(folder.path());
    EXPECT_THAT(t5->encode_for_model(before, 99), ElementsAre(6, 1, 5, 1, 3, 5, 6, 108, 4, 1));
    EXPECT_THAT(t5->encode_for_model("</s>b", 99), ElementsAre(1, 5, 1));
    EXPECT_THAT(t5->encode_for_model("  a  b ", 99), ElementsAre(3, 6, 3, 5, 1)) << "a mark, blanks made one, a";
    EXPECT_THAT(t5->encode_for_model("<extra_id_0>▁a", 99), ElementsAre(108, 4, 1))
        << "the mark is a blank, which <extra_id_0> takes";
    auto every_blank = ModelWriter::small();
    every_blank.normalizer = proto_integer(4, 0);
    std::filesystem::create_directory(folder.path() / "blanks");
    base::write_file_atomically(folder.path() / "blanks" / "spiece.model", every_blank.bytes());
    base::write_file_atomically(folder.path() / "blanks" / "tokenizer_config.json", R"({"legacy": false})");
    const auto blanks = load_tokenizer(folder.path() / "blanks");
    EXPECT_THAT(blanks->encode_for_model("</s>a", 99), ElementsAre(1, 4, 1));
    EXPECT_THAT(blanks->encode_for_model(" </s>a", 99), ElementsAre(3, 3, 1, 4, 1));
    EXPECT_THAT(blanks->encode_for_model("\x06</s>a", 99), ElementsAre(3, 2, 1, 4, 1));
    t5->save(folder.path() / "copy", 128);
    EXPECT_EQ(load_tokenizer(folder.path() / "copy")->encode_for_model(before, 99), t5->encode_for_model(before, 99));
}

// XLM-RoBERTa's ids are the file's, moved by one: it puts <s>, <pad>, </s> and <unk> in front, and <mask> at the end.
TEST(SentencePiece, has_the_ids_of_xlm_roberta) {
    const TemporaryFolder folder;
    const auto in = [&](const char* name) { return folder.path() / name; };
    ModelWriter writer;
    writer.piece("<unk>", 0, Kind::unknown).piece("<s>", 0, Kind::control).piece("</s>", 0, Kind::control);
    writer.piece("▁", -2).piece("a", -3).piece("▁a", -4).piece("<pad>", -1, Kind::user_defined);
    base::write_file_atomically(in("sentencepiece.bpe.model"), writer.bytes());
    const auto xlm = load_tokenizer(folder.path());
    EXPECT_EQ(xlm->vocabulary_size(), 9);
    EXPECT_THAT(encode(*xlm, "a a中a"), ElementsAre(6, 6, 3, 5));
    EXPECT_THAT(xlm->encode_for_model("", 9), ElementsAre(0, 2));
    EXPECT_THAT(xlm->encode_for_model("a  <mask> a</s><unk><s><pad>", 99), ElementsAre(0, 6, 8, 6, 2, 3, 0, 7, 2)) << "the file's own <pad>";
    EXPECT_THAT(xlm->encode_pair_for_model("a", "a", 99), ElementsAre(0, 6, 2, 2, 6, 2));
    EXPECT_THAT(xlm->encode_for_model("a a a a", 4), ElementsAre(0, 6, 6, 2));
    EXPECT_EQ(xlm->token(8), "<mask>");
    EXPECT_EQ(xlm->token(6), "▁a");
    EXPECT_EQ(xlm->special().pad, 7);

    xlm->save(in("copy"), 128);
    EXPECT_EQ(load_tokenizer(in("copy"))->encode_for_model("a", 9), xlm->encode_for_model("a", 9));

    // What tokenizer_config.json says goes before the name.
    base::write_file_atomically(in("tokenizer_config.json"), R"({"tokenizer_class": "T5Tokenizer"})");
    EXPECT_THAT(encode(*load_tokenizer(folder.path()), "a"), ElementsAre(5));
    base::write_file_atomically(in("tokenizer_config.json"), R"({"tokenizer_class": "XLMRobertaTokenizerFast"})");
    std::filesystem::rename(in("sentencepiece.bpe.model"), in("spiece.model"));
    const auto named = load_tokenizer(folder.path());
    EXPECT_THAT(named->encode_for_model("a", 9), ElementsAre(0, 6, 2));
    named->save(in("again"), 128);
    EXPECT_THAT(load_tokenizer(in("again"))->encode_for_model("a", 9), ElementsAre(0, 6, 2));
    base::write_file_atomically(in("spiece.model"), ModelWriter::small().bytes());
    EXPECT_THAT(refusal_of(folder.path()), HasSubstr("its first pieces are not <unk>, <s> and </s>"));
    base::write_file_atomically(in("tokenizer_config.json"), R"({"tokenizer_class": "AlbertTokenizer"})");
    EXPECT_THAT(refusal_of(folder.path()), HasSubstr("is for AlbertTokenizer, but Kohort knows only"));
}

TEST(SentencePiece, saved_files_make_the_same_tokenizer_again) {
    const TemporaryFolder folder;
    for (const char* name : {"spiece.model", "other.model"}) {
        base::write_file_atomically(folder.path() / name, ModelWriter::small().bytes());
        const auto first = load_tokenizer(folder.path() / name);
        first->save(folder.path() / "copy", 128);
        const auto second = load_tokenizer(folder.path() / "copy");
        EXPECT_EQ(second->vocabulary_size(), first->vocabulary_size());
        EXPECT_EQ(first->vocabulary_size(), name == std::string_view("spiece.model") ? 109 : 9);
        EXPECT_EQ(second->encode_for_model("ab <extra_id_1> a", 99), first->encode_for_model("ab <extra_id_1> a", 99));
    }
    EXPECT_THROW(
        SentencePieceTokenizer(parse_sentencepiece_model(ModelWriter::small().bytes()), {}, {}).save(folder.path(), 128),
        base::Error);
}

TEST(SentencePiece, models_that_contradict_themselves_are_refused_by_name) {
    const TemporaryFolder folder;
    const auto refusal = [&](const ModelWriter& writer) {
        base::write_file_atomically(folder.path() / "spiece.model", writer.bytes());
        const auto message = refusal_of(folder.path());
        EXPECT_THAT(message, HasSubstr("spiece.model is no SentencePiece model"));
        return message;
    };
    const auto small = [] { return ModelWriter::small(); };
    EXPECT_THAT(refusal(small().piece("a", -1)), HasSubstr("\"a\" comes twice"));
    EXPECT_THAT(refusal(small().piece("</s>", 0, Kind::control)), HasSubstr("comes twice"));
    EXPECT_THAT(refusal(small().piece("", -1)), HasSubstr("the piece 9 is empty"));
    EXPECT_THAT(refusal(small().piece("\xFF", -1)), HasSubstr("not UTF-8"));
    EXPECT_THAT(refusal(small().piece("d", NAN)), HasSubstr("no number"));
    EXPECT_THAT(refusal(small().piece("d", -1, static_cast<Kind>(7))), HasSubstr("type 7"));
    EXPECT_THAT(refusal(small().piece("<unk2>", 0, Kind::unknown)), HasSubstr("two unknown pieces"));
    EXPECT_THAT(refusal(ModelWriter().piece("a", -1)), HasSubstr("unknown"));
    auto writer = small();
    writer.trainer = proto_integer(35, 1);
    EXPECT_THAT(refusal(writer), HasSubstr("0 of 256"));
    writer.trainer = proto_integer(3, 2);
    EXPECT_THAT(refusal(writer), HasSubstr("model_type is 2"));
    writer = small();
    writer.normalizer = proto_bytes(2, "broken");
    EXPECT_THAT(refusal(writer), HasSubstr("normalisation rules is broken"));
}

TEST(SentencePiece, a_file_that_is_cut_or_damaged_is_refused_or_does_no_harm) {
    auto writer = ModelWriter::small();
    writer.normalizer = proto_bytes(2, charsmap_bytes({{"x", "a"}}));
    const auto whole = writer.bytes();
    const auto is_read = [](std::string_view bytes) {
        try {
            const SentencePieceTokenizer tokenizer(parse_sentencepiece_model(bytes), {.kind = SentencePieceKind::t5, .extra = 3}, {});
            for (const TokenId id : tokenizer.encode_for_model("ab xx é</s>", 99))
                EXPECT_TRUE(id >= 0 && id < tokenizer.vocabulary_size());
            return true;
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::usage);
            return false;
        }
    };
    EXPECT_TRUE(is_read(whole));
    int read = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) read += is_read(whole.substr(0, size));
    EXPECT_EQ(read, 8);  // after the unknown piece and each of the six that follow, and after the settings of training
    std::mt19937 random(8);
    for (int round = 0; round < 4000; ++round) {
        auto bytes = whole;
        for (unsigned flips = 1 + random() % 3; flips > 0; --flips)
            bytes[random() % std::min<std::size_t>(bytes.size(), 250)] = static_cast<char>(random());
        read += is_read(bytes);
    }
    EXPECT_GT(read, 8);
    EXPECT_FALSE(is_read("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"));           // a length beyond everything
    EXPECT_FALSE(is_read("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"));  // a number without an end
}

}  // namespace
}  // namespace kohort::text
