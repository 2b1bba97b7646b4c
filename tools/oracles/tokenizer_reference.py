#!/usr/bin/python3
"""Compares the ids of `build/kohort tokenize` with those of Hugging Face's tokenizers and of SentencePiece.

Small tokenizers of each kind are trained here on lines of ../shared, and real and adversarial lines go through both.
Prints one line a tokenizer, and ends with 1 where any line differs.
"""
import argparse
import csv
import json
import os
import pathlib
import random
import subprocess
import sys
import warnings

import sentencepiece
import tokenizers
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

SHARED = pathlib.Path(os.environ.get("KOHORT_SHARED", pathlib.Path(__file__).resolve().parents[2] / ".." / "shared"))

ADVERSARIAL = [
    "", " ", "   ", "\t", "a", "  two  blanks   inside ", "\r", "carriage return\r", "a\r\r b", "a\x0bb\x0cc", "a\x85b",
    "a\xa0b\u2003c\u3000d\u2028e", "'s 't 're 've 'm 'll 'd 'S I'm we'LL don''t ''s", "１２３ ＡＢＣ ｶﾞｷﾞ ﾊﾟ ！？",
    "①②③ ½ ² Ⅷ ㎏ ㍿ ﬁ ﬀ ĳ ǆ", "😀😃 👩‍👩‍👧‍👦 🇩🇪🇫🇷 👍🏽 ❤️ 1️⃣ #️⃣",
    "e\u0301 e\u0301\u0302 a\u0300\u0316 o\u0308\u0304 A\u030a \u1100\u1161\u11a8 \u0e33 \u0930\u094d\u0915",
    "\u0301lone mark", "x\u200db x\u200cy \ufefffoo \u200b", "مرحبا بالعالم ١٢٣ \u0600\u0661 لا إله ﷺ ﷲ", "שלום עולם",
    "สวัสดีชาวโลก", "नमस्ते दुनिया", "中文，没有空格。「引号」《书名》", "日本語テキスト ｶﾀｶﾅ ハ゜", "한국어 텍스트 각", "\x00nul\x00", "\x01\x02\x03",
    "\x1f\x7f\x80\x9f", "\ufffd\ufffe\uffff", "\U0001d400\U0001d7d8 𝕳𝖊𝖑𝖑𝖔", "\U00031350\U0001e4d0\U0001f02f",
    "Ａ\u0301ｅ\u0301 ﾞ\u3099か\u3099は\u309a", "▁ ▁▁a ▁ b▁", "a▁b ▁", "<unk> </s> <pad> <s> <mask> <0x41> <0x0A>",
    "a<mask>b <mask>  c</s>", "<extra_id_0> a <extra_id_99>b<extra_id_5>  ", "x</s>", "</s></s>",
    "<|endoftext|>x<|endoftext|>", "http://例え.jp/?q=a%20b&c=d#e", "C++20 {\"json\": [1, 2.5e-3]}",
    "tab\tand  \t mixed\u3000 \t", "ß ẞ İ ı ſ K Å Ω", "…⋯‥ —–‐ “”‘’ „‚", "a" * 3000, "ab " * 2000, "中" * 2000, "😀" * 500,
    "0123456789" * 50, " " * 1000 + "x" + " " * 1000, "\u0300" * 200, "a" + "\u0301" * 50 + "b", "\r\r\r", "\u0600a \u0601",
    "ab\u0483c\u20dd", "क्षि त्र", "\U000e0041\U0001f3f4\U000e0067", "ﾊﾞｰ ｳﾞ", "``quoted'' --- ...", "ÀÉÎÕÜ àéîõü", "Ĳ Ǆ ŉ",
    "x\xad-y\u2060z", "1\ufe0f\u20e3", "\u1e9b\u0323", "\u212b\u2126", "\u0344\u0958\u0f43",
]


ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]

SENTENCEPIECE = {
    "nmt_nfkc": {},
    "byte_fallback": {"byte_fallback": True},
    "user_defined": {"user_defined_symbols": ["手机", "ing", "Ａ"]},
    "no_dummy_prefix": {"add_dummy_prefix": False},
    "all_white_space": {"remove_extra_whitespaces": False},
    "identity": {"normalization_rule_name": "identity"},
    "nfkc_cf": {"normalization_rule_name": "nfkc_cf"},
    "suffix": {"treat_whitespace_as_suffix": True},
}


def random_lines(count):
    source = random.Random(7)
    special = [0x301, 0x316, 0x200D, 0xFE0F, 0x20E3, 0x3099, 0x600, 0x6DD, 0x85, 0xA0, 0x3000, 0x2581, 0xFF21, 0xFF76, 0xFF9E,
               0xAC00, 0x1161, 0x11A8, 0x1F1E9, 0x1F468, 0x1F3FD, 0xD, 0x0, 0x7F, 0xE33, 0x94D, 0x915, 0x0F71, 0xFDFA, 0x2460,
               0x33A5, 0x1D400, 0xAD, 0x2028, 0x200B, 0xFEFF]
    ranges = [(0x1, 0x80), (0x1, 0x80), (0x80, 0x3100), (0x80, 0x3100), (0x4E00, 0xA000), (0xF900, 0x10000), (0x10000, 0x20000)]
    words = ["the", "Hello", " ", "  ", "手机", "'s", "'re", "<mask>", "</s>", "<extra_id_3>", "12", "，", "abc", "ing", "▁"]

    def character():
        code = source.choice(special) if source.randrange(8) == 0 else source.randrange(*source.choice(ranges))
        return "?" if code == 0xA else chr(code)

    def line():
        return "".join(source.choice(words) if source.random() < 0.4 else character() for _ in range(source.randrange(25)))

    return [line() for _ in range(count)]


def mixed_lines(words, count=2000):
    source = random.Random(8)
    return ["".join(source.choice(words) for _ in range(source.randrange(1, 9))) for _ in range(count)]


def column(path, name):
    with open(path, encoding="utf-8", newline="") as file:
        return [row[name].replace("\n", " ") for row in csv.DictReader(file)]


def real_lines():
    data = SHARED / "data"
    lines = column(data / "en_banking77" / "train.csv", "text")[:3000] + column(data / "users_zh" / "items.csv", "title")[:3000]
    lines += [line for name in ("botchan.txt", "wagahaiwa_nekodearu.txt")
              for line in (data / "spm_google_test" / name).read_text(encoding="utf-8").split("\n")[:1500] if line]
    return lines


def train_roberta(folder, lines, add_prefix_space):
    tokenizer = tokenizers.Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    trainer = trainers.BpeTrainer(vocab_size=3000, special_tokens=ROBERTA, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=add_prefix_space)
    tokenizer.add_special_tokens([tokenizers.AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    tokenizer.add_tokens([tokenizers.AddedToken("手机", single_word=False), tokenizers.AddedToken("the", single_word=True)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def train_gpt2_files(folder, lines, roberta):
    special = ROBERTA if roberta else ["<|endoftext|>"]
    tokenizer = tokenizers.ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(lines, vocab_size=2500, special_tokens=special, show_progress=False)
    tokenizer.save_model(str(folder))
    kind = transformers.RobertaTokenizerFast if roberta else transformers.GPT2TokenizerFast
    return kind(str(folder / "vocab.json"), str(folder / "merges.txt"))


def train_sentencepiece(folder, lines, name, **options):
    (folder / "lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = {"vocab_size": 4000, "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1, "character_coverage": 0.98, **options}
    sentencepiece.SentencePieceTrainer.train(input=str(folder / "lines.txt"), model_prefix=str(folder / name),
                                             model_type="unigram", minloglevel=2, **settings)
    (folder / "lines.txt").unlink()
    (folder / f"{name}.vocab").unlink()
    return folder / f"{name}.model"


BERT_ADDED = [tokenizers.AddedToken("the", single_word=True), tokenizers.AddedToken("ÀÉb", single_word=True, normalized=False),
              tokenizers.AddedToken("Ｔｈé", normalized=True), tokenizers.AddedToken("Ing", normalized=False),
              tokenizers.AddedToken("手 机", normalized=True), tokenizers.AddedToken("[ITEM]", special=True, lstrip=True)]
BERT_WORDS = ["the", "The", "THE", "ÀÉb", "àéb", "Ｔｈé", "ｔｈé", "Ｔｈe\u0301", "ｔｈe", "Ing", "ing", "手 机", "手机",
              "手  机", "[ITEM]", "[item]", "[MASK]", " ", " ", "x", "É", "-", "_", "\u0301", "\xad", "中"]


def train_wordpiece(lines, **options):
    tokenizer = tokenizers.BertWordPieceTokenizer(**options)
    tokenizer.train_from_iterator(lines, vocab_size=4000, show_progress=False)
    begin, end = (tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", end), ("[CLS]", begin))
    return tokenizer


def charsmap_of(model):
    from transformers.convert_slow_tokenizer import import_protobuf  # the same file once more would be refused
    proto = import_protobuf().ModelProto()
    proto.ParseFromString(model.read_bytes())
    return proto, proto.normalizer_spec.precompiled_charsmap


def unigram_json(folder, model, pre_tokenizer, steps, byte_fallback=False, added=("Ｔｈｅ",)):
    """What transformers makes of a SentencePiece file."""
    proto, charsmap = charsmap_of(model)
    pieces = [(piece.piece, piece.score) for piece in proto.pieces]
    tokenizer = tokenizers.Tokenizer(models.Unigram(pieces, proto.trainer_spec.unk_id, byte_fallback))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), *steps])
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", "$A </s> $B </s>", [("</s>", 1)])
    extra = [tokenizers.AddedToken(f"<extra_id_{i}>", lstrip=True, rstrip=True, special=True) for i in range(5)]
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>", *extra])
    tokenizer.add_tokens(list(added))
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def compare(name, tokenizer_path, lines, expected, options=()):
    lines = [line for line in lines if "\n" not in line]
    text = pathlib.Path(tokenizer_path).parent / f"{name.replace(' ', '-')}.txt"
    text.write_bytes("".join(line + "\n" for line in lines).encode("utf-8"))
    command = ["build/kohort", "tokenize", "--tokenizer", str(tokenizer_path), "--input", str(text), *options]
    run = subprocess.run(command, capture_output=True, text=True)
    text.unlink()
    if run.returncode != 0:
        print(f"{name}: kohort tokenize failed: {run.stderr.strip()}")
        return False
    got = [json.loads(line)["ids"] for line in run.stdout.splitlines()]
    wrong = [(line, want, have) for line, want, have in zip(lines, map(expected, lines), got) if want != have]
    print(f"{name}: {len(lines) - len(wrong)} of {len(lines)} lines exact", flush=True)
    for line, want, have in wrong[:3]:
        print(f"  {line[:200]!r}: expected {want[:60]}, got {have[:60]}")
    return not wrong and len(got) == len(lines)


def check_pairs(name, path, lines, fast):
    """Pairs of texts, whole and cut, and single texts that are cut, as tokenizers joins and cuts them."""
    first = [line for line in lines if "\t" not in line]
    pairs = [f"{a}\t{b}" for a, b in zip(first, reversed(lines))]
    def ids(line):
        return fast.encode(*line.split("\t", 1)).ids
    good = compare(f"{name}, pairs", path, pairs, ids, ["--text-pairs"])
    for most in (5, 16):
        fast.enable_truncation(most)
        good = compare(f"{name}, pairs of {most} ids", path, pairs, ids, ["--text-pairs", "--truncate", str(most)]) and good
        good = compare(f"{name}, {most} ids", path, first, lambda line: fast.encode(line).ids, ["--truncate", str(most)]) and good
    fast.no_truncation()
    return good


def kohort_vocabulary(folder, lines, size):
    """The tokenizer that `--vocabulary unigram` makes of these lines."""
    with open(folder / "events.csv", "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["user_id", "text"])
        rows.writerows((f"user {i % 50}", line) for i, line in enumerate(lines))
    common = ["--out", str(folder / "run"), "--log-level", "error"]
    subprocess.run(["build/kohort", "ingest", "--input", str(folder / "events.csv"), *common], check=True)
    small = ["--pretrain-steps", "1", "--batch", "2", "--layers", "1", "--hidden", "8", "--heads", "1"]
    subprocess.run(["build/kohort", "pretrain", "--vocabulary", "unigram", "--vocabulary-size", str(size), *small, *common], check=True)
    return folder / "run" / "pretrained"


def nats_a_line(pieces, unknown, lines, words_of):
    """The mean negative log probability of the lines' best ways, and their pieces, by Hugging Face's Unigram."""
    model, score, count = models.Unigram(pieces, unknown, False), 0.0, 0
    for line in lines:
        for word in words_of(line):
            for token in model.tokenize(word):
                score += pieces[token.id][1]
                count += 1
    return -score / len(lines), count / len(lines)


def check_trained_vocabulary(folder, lines):
    """Kohort's vocabulary beside one of SentencePiece's own trainer, of as many pieces, by how likely it makes the texts."""
    kohort = json.loads((kohort_vocabulary(folder, lines, 8000) / "tokenizer.json").read_text(encoding="utf-8"))
    normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    texts = sorted({normalizer.normalize_str(line) for line in lines})
    model = train_sentencepiece(folder, [word for text in texts for word in text.split()], "peer", vocab_size=8000, pad_id=-1, eos_id=-1,
                                bos_id=-1, unk_id=0, character_coverage=1.0, add_dummy_prefix=False, normalization_rule_name="identity")
    peer = [(piece.piece, piece.score) for piece in charsmap_of(model)[0].pieces]
    # Only what both spell out: a vocabulary with fewer characters is not to gain by what it does not know.
    known = {piece for piece, _ in peer if len(piece) == 1} & {piece for piece, _ in kohort["model"]["vocab"] if len(piece) == 1}
    texts = [text for text in texts if text and set("".join(text.split())) <= known]
    own, own_pieces = nats_a_line([tuple(entry) for entry in kohort["model"]["vocab"]], 1, texts, str.split)
    other, other_pieces = nats_a_line(peer, 0, texts, str.split)
    print(f"unigram vocabulary of {len(texts)} lines: {own:.2f} nats and {own_pieces:.2f} pieces a line; SentencePiece's trainer {other:.2f} and {other_pieces:.2f}")
    return own < 1.01 * other


def check_wordpiece(make, check, lines):
    for name, options, added in (("cased", {"lowercase": False}, []),
                                 ("cased, added tokens", {"lowercase": False}, BERT_ADDED),
                                 ("uncased, added tokens", {"lowercase": True}, BERT_ADDED),
                                 ("uncased with accents", {"lowercase": True, "strip_accents": False}, []),
                                 ("with accents, added tokens", {"lowercase": True, "strip_accents": False}, BERT_ADDED)):
        folder = make("wordpiece-" + name.replace(" ", "-"))
        bert = train_wordpiece(lines, **options)
        bert.add_tokens(added)
        bert.save(str(folder / "tokenizer.json"))
        check(f"WordPiece {name}, tokenizer.json", folder, lambda line: bert.encode(line).ids, mixed_lines(BERT_WORDS))
    for name, lowercase, config in (("cased", False, {"tokenizer_class": "BertTokenizer", "do_lower_case": False}),
                                    ("uncased with accents", True, {"do_lower_case": True, "strip_accents": False})):
        folder = make("vocabulary-" + name.replace(" ", "-"))
        train_wordpiece(lines, lowercase=lowercase, strip_accents=False).save_model(str(folder))
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        fast = transformers.BertTokenizerFast.from_pretrained(str(folder))
        check(f"WordPiece {name}, vocab.txt", folder, lambda line: fast(line)["input_ids"], mixed_lines(BERT_WORDS))


def check_tokenizer_classes(make, check, lines):
    """Files of RoBERTa's vocabulary, as the class says that tokenizer_config.json names."""
    token = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False, "normalized": True}
    listed = {"4": {"content": "<mask>", "rstrip": True, "normalized": True, "special": True}}
    for name, config in (
            ("GPT2Tokenizer", {}),
            ("GPT2Tokenizer", {"bos_token": "<s>", "pad_token": "<pad>", "mask_token": token, "add_prefix_space": True}),
            ("GPT2Tokenizer", {"bos_token": "</s>", "add_bos_token": True}),
            ("RobertaTokenizer", {"cls_token": "<pad>", "sep_token": "<unk>"}),
            ("RobertaTokenizer", {"added_tokens_decoder": listed}),
            ("RobertaTokenizer",
             {"added_tokens_decoder": listed, "mask_token": "<mask>", "additional_special_tokens": ["the"]}),
            ("BartTokenizer", {"mask_token": "<mask>"}), ("LongformerTokenizer", {})):
        folder = make("-".join([name, *config]))
        special = ROBERTA + ["<|endoftext|>"]  # transformers adds what the vocabulary lacks
        trained = tokenizers.ByteLevelBPETokenizer()
        trained.train_from_iterator(lines, vocab_size=2500, special_tokens=special, show_progress=False)
        trained.save_model(str(folder))
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": name, **config}))
        auto = transformers.AutoTokenizer.from_pretrained(str(folder))
        check(f"{name} with {', '.join(config) or 'nothing else'}", folder, lambda line: auto(line)["input_ids"],
              mixed_lines(ROBERTA + special + [" ", " ", "the", "a"]))


def check_added_before_marks(make, check, model):
    """Added tokens that are not special, directly before words that begin with a mark or a blank."""
    added = ["zq", tokenizers.AddedToken("qz", normalized=False), "▁zz", tokenizers.AddedToken("xq", rstrip=True)]
    words = ["zq", "qz", "zz", "▁zz", "xq", "▁", "▁the", "▁手机", "the", "a", " ", " ", "  ", "<extra_id_1>", "</s>", "\u3000"]
    for scheme in ("first", "always", "never"):
        for split in (True, False):
            folder = make(f"marks-{scheme}-{split}")
            metaspace = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
            fast = unigram_json(folder, model, metaspace, [normalizers.Replace(tokenizers.Regex(" {2,}"), "▁")], True, added)
            name = f"Unigram with added tokens before marks, {scheme}, split={split}"
            check(name, folder, lambda line: fast.encode(line).ids, mixed_lines(words))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="an empty folder for what is trained")
    parser.add_argument("--random", type=int, default=5000, help="random lines")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    real = real_lines()
    lines = real + ADVERSARIAL + random_lines(arguments.random)
    blanks = tokenizers.Regex(" {2,}")
    good = True

    def make(name):
        (arguments.folder / name).mkdir(parents=True)
        return arguments.folder / name

    def check(name, path, expected, more=()):
        nonlocal good
        good = compare(name, path, [*lines, *more], expected) and good

    def pairs(name, path, fast):
        nonlocal good
        good = check_pairs(name, path, lines[::3], fast) and good

    check_wordpiece(make, check, real)
    check_tokenizer_classes(make, check, real)

    for prefix in (False, True):
        folder = make(f"roberta-{prefix}")
        roberta = train_roberta(folder, real, prefix)
        check(f"RoBERTa, tokenizer.json, add_prefix_space={prefix}", folder, lambda line: roberta.encode(line).ids)
        pairs(f"RoBERTa, add_prefix_space={prefix}", folder, roberta)
    for is_roberta in (False, True):
        folder = make(f"files-{is_roberta}")
        files = train_gpt2_files(folder, real, is_roberta)
        name = "RoBERTa" if is_roberta else "GPT-2"
        check(f"{name}, vocab.json and merges.txt", folder, lambda line: files(line)["input_ids"])

    for name, options in SENTENCEPIECE.items():
        model = train_sentencepiece(make(name), real, "spiece", **options)
        slow = transformers.T5Tokenizer(str(model), legacy=True)
        check(f"SentencePiece {name} as T5Tokenizer", model, lambda line: slow(line)["input_ids"])
        (model.parent / "tokenizer_config.json").write_text('{"legacy": false}')
        new = transformers.T5Tokenizer(str(model), legacy=False)
        check(f"SentencePiece {name} as T5Tokenizer, no legacy", model, lambda line: new(line)["input_ids"])
    xlm_roberta = {"pad_id": -1, "unk_id": 0, "bos_id": 1, "eos_id": 2}
    for name, options in (("plain", {}), ("byte_fallback", {"byte_fallback": True, "user_defined_symbols": ["手机", "<pad>"]})):
        model = train_sentencepiece(make(f"xlm-roberta-{name}"), real, "sentencepiece.bpe", **xlm_roberta, **options)
        slow = transformers.XLMRobertaTokenizer(str(model))
        check(f"SentencePiece {name} as XLMRobertaTokenizer", model, lambda line: slow(line)["input_ids"])
    for file in sorted((SHARED / "data" / "spm_google_test").glob("*.model")):
        local = make(file.stem) / file.name
        local.write_bytes(file.read_bytes())
        processor = sentencepiece.SentencePieceProcessor(model_file=str(local))
        plain = [line for line in lines if "<" not in line]  # the library finds no special tokens in texts
        with_end = lambda line: processor.encode(line) + [processor.eos_id()]
        good = compare(f"SentencePiece {file.name}", local, plain, with_end) and good

    mt5 = train_sentencepiece(make("mt5"), real, "spiece", byte_fallback=True)
    check_added_before_marks(make, check, mt5)
    metaspace = pre_tokenizers.Metaspace
    small = [normalizers.Lowercase(), normalizers.Replace("the", "ＴＨＥ"), normalizers.Prepend("x")]
    strip = [normalizers.Strip(left=False, right=True), normalizers.Replace(blanks, "▁")]
    for name, pre_tokenizer, steps, fallback in (
            ("mT5", metaspace(prepend_scheme="always"), strip, False),
            ("mT5 with byte fallback", metaspace(prepend_scheme="always"), strip, True),
            ("first", metaspace(prepend_scheme="first"), strip, True),
            ("never", metaspace(prepend_scheme="never"), strip, True),
            ("unsplit", metaspace(prepend_scheme="first", split=False), strip, True),
            ("T5", pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace()]), [], False),
            ("lowercase", metaspace(), small, False)):
        folder = make("json-" + name.replace(" ", "-"))
        fast = unigram_json(folder, mt5, pre_tokenizer, steps, fallback)
        check(f"Unigram {name}, tokenizer.json", folder, lambda line: fast.encode(line).ids)
    pairs("Unigram lowercase", folder, fast)
    t5 = SHARED / "data" / "vocab_t5_small"
    whole = tokenizers.Tokenizer.from_file(str(t5 / "tokenizer.json"))
    local = make("t5-small") / "tokenizer.json"
    local.write_bytes((t5 / "tokenizer.json").read_bytes())
    check("T5-small, tokenizer.json", local, lambda line: whole.encode(line).ids)
    pairs("T5-small", local, whole)
    vocabulary = make("bert-pairs")
    bert = train_wordpiece(real, lowercase=True)
    bert.save_model(str(vocabulary))
    pairs("WordPiece, vocab.txt", vocabulary, bert)
    trained = kohort_vocabulary(make("kohort"), real, 6000)
    for name, fast in (("tokenizers", tokenizers.Tokenizer.from_file(str(trained / "tokenizer.json"))),
                       ("transformers", transformers.AutoTokenizer.from_pretrained(str(trained)))):
        ids = (lambda line: fast.encode(line).ids) if name == "tokenizers" else (lambda line: fast(line)["input_ids"])
        check(f"Kohort's own unigram, as {name} has it", trained, ids)
    every = [chr(code) for code in range(1, 0x110000) if chr(code) not in "\n" and not 0xD800 <= code < 0xE000]
    every = ["x" + "x".join(every[i:i + 64]) + "x" for i in range(0, len(every), 64)]
    nfkc = make("nfkc")
    characters = sorted(set("".join(every)) | set("".join(map(normalizers.NFKC().normalize_str, every))))
    fast = tokenizers.Tokenizer(models.Unigram([("<unk>", 0.0)] + [(character, -9.0) for character in characters], 0, False))
    fast.normalizer = normalizers.NFKC()
    fast.save(str(nfkc / "tokenizer.json"))
    good = compare("NFKC of every character", nfkc, every, lambda line: fast.encode(line).ids) and good
    good = check_trained_vocabulary(make("peer"), real) and good
    gpt2 = make("gpt2")
    for name in ("encoder.json", "vocab.bpe"):
        (gpt2 / name).write_bytes((SHARED / "data" / "vocab_gpt2" / name).read_bytes())
    known = transformers.GPT2TokenizerFast(str(gpt2 / "encoder.json"), str(gpt2 / "vocab.bpe"))
    check("GPT-2, encoder.json and vocab.bpe", gpt2, lambda line: known(line)["input_ids"])
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
