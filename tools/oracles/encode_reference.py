#!/usr/bin/python3
"""Recomputes users' vectors of a run from its model/ and corpus/ and compares them with its embedding/.

Nothing of Kohort is used: the model and the tokenizer are loaded by `transformers` (--transformers), or by the plain
BERT, WordPiece and unigram below. Prints the smallest cosine over the users compared, and ends with 1
where it is below the limit (0.9999 for fp32 vectors, 0.999 for bf16).
"""
import argparse
import json
import math
import pathlib
import re
import struct
import sys
import unicodedata

import h5py
import numpy as np
import torch
import torch.nn.functional as F


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        if entry["dtype"] == "F32":
            values = np.frombuffer(data[begin:end], "<f4")
        elif entry["dtype"] == "F16":
            values = np.frombuffer(data[begin:end], "<f2").astype("f4")
        elif entry["dtype"] == "BF16":
            values = (np.frombuffer(data[begin:end], "<u2").astype("u4") << 16).view("f4")
        else:
            continue  # position_ids and the like
        tensors[name.removeprefix("bert.")] = torch.from_numpy(values.copy()).reshape(entry["shape"])
    return tensors


class PlainBert:
    """BERT's encoder from its definition, one sequence at a time."""

    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = read_safetensors(folder / "model.safetensors")
        self.activation = {"gelu": F.gelu, "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
                           "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"), "relu": F.relu}[self.config["hidden_act"]]

    def linear(self, name, x):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.weights[name + ".weight"], self.weights[name + ".bias"], self.config["layer_norm_eps"])

    def hidden(self, ids):
        heads = self.config["num_attention_heads"]
        split = lambda x: x.view(len(ids), heads, -1).transpose(0, 1)
        x = (self.weights["embeddings.word_embeddings.weight"][ids] + self.weights["embeddings.position_embeddings.weight"][:len(ids)]
             + self.weights["embeddings.token_type_embeddings.weight"][0])
        x = self.norm("embeddings.LayerNorm", x)
        for i in range(self.config["num_hidden_layers"]):
            layer = f"encoder.layer.{i}."
            q, k, v = (split(self.linear(layer + "attention.self." + part, x)) for part in ("query", "key", "value"))
            attended = torch.softmax(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5, -1) @ v
            attended = self.linear(layer + "attention.output.dense", attended.transpose(0, 1).reshape(x.shape))
            x = self.norm(layer + "attention.output.LayerNorm", attended + x)
            inner = self.activation(self.linear(layer + "intermediate.dense", x))
            x = self.norm(layer + "output.LayerNorm", self.linear(layer + "output.dense", inner) + x)
        return x


class PlainWordPiece:
    """BERT's tokenizer (BasicTokenizer, then the longest piece first) from vocab.txt."""

    def __init__(self, folder):
        lines = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
        self.ids = {token.rstrip(): i for i, token in enumerate(lines) if token.rstrip()}
        settings = folder / "tokenizer_config.json"
        self.lower = json.loads(settings.read_text()).get("do_lower_case", True) if settings.exists() else True

    @staticmethod
    def is_han(c):
        return any(first <= ord(c) <= last for first, last in (
            (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
            (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)))

    @staticmethod
    def is_punctuation(c):
        return unicodedata.category(c).startswith("P") or (ord(c) < 128 and c.isprintable() and not c.isalnum() and c != " ")

    def words(self, text):
        text = "".join(" " if c.isspace() else c for c in text
                       if c in "\t\n\r" or not (unicodedata.category(c).startswith("C") or c == "\ufffd"))
        if self.lower:
            text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn").lower()
        return "".join(f" {c} " if self.is_han(c) or self.is_punctuation(c) else c for c in text).split()

    def encode(self, text, most):
        ids = []
        for word in self.words(text):
            pieces, start = [], 0
            while start < len(word):
                for end in range(len(word), start, -1):
                    piece = ("##" if start else "") + word[start:end]
                    if piece in self.ids:
                        break
                else:
                    pieces = None
                if pieces is None:
                    break
                pieces.append(self.ids[piece])
                start = end
            ids += pieces if pieces is not None and len(word) <= 100 else [self.ids["[UNK]"]]
        return [self.ids["[CLS]"], *ids[:most - 2], self.ids["[SEP]"]]


class PlainUnigram:
    """The unigram tokenizer of tokenizer.json (NFKC, small letters, words at white space, the likeliest pieces of each)."""

    def __init__(self, folder):
        file = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        self.pieces = {piece: (id, score) for id, (piece, score) in enumerate(file["model"]["vocab"])}
        self.lower = {"type": "Lowercase"} in file["normalizer"]["normalizers"]
        self.unknown = file["model"]["unk_id"]
        self.unknown_score = min(score for _, score in file["model"]["vocab"]) - 10
        self.longest = max(map(len, self.pieces))

    def cut(self, word):
        best = [(0.0, 0, 0)] + [(-math.inf, 0, 0)] * len(word)  # score, where the last piece begins, its id
        for begin in range(len(word)):
            for end in range(begin + 1, min(begin + self.longest, len(word)) + 1):
                id, score = self.pieces.get(word[begin:end], (self.unknown, self.unknown_score if end == begin + 1 else -math.inf))
                if best[begin][0] + score > best[end][0]:
                    best[end] = (best[begin][0] + score, begin, id)
        ids, end = [], len(word)
        while end > 0:
            if not (ids and ids[-1] == best[end][2] == self.unknown):
                ids.append(best[end][2])
            end = best[end][1]
        return ids[::-1]

    def encode(self, text, most):
        text = unicodedata.normalize("NFKC", text)
        text = "".join(c.lower() for c in text) if self.lower else text  # one by one: no final sigma
        words = re.split("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+", text)
        ids = [id for word in words for id in self.cut(word)]
        return [self.pieces["[CLS]"][0], *ids[:most - 2], self.pieces["[SEP]"][0]]


def load(folder, plain):
    """(what was used, function from ids to hidden states, function from (text, most) to ids)"""
    if not plain:
        import transformers
        model = transformers.AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        return (f"transformers {transformers.__version__}", lambda ids: model(torch.tensor([ids])).last_hidden_state[0],
                lambda text, most: tokenizer(text, truncation=True, max_length=most)["input_ids"])
    model = PlainBert(folder)
    tokenizer = PlainWordPiece(folder) if (folder / "vocab.txt").exists() else PlainUnigram(folder)
    return "plain PyTorch", lambda ids: model.hidden(torch.tensor(ids)), tokenizer.encode


def texts_of_user(corpus, user):
    first, last = corpus["/document/event_offset"][user:user + 2]
    offsets = corpus["/document/text_offset"][first:last + 1]
    data = corpus["/document/text_bytes"][offsets[0]:offsets[-1]].tobytes() if last > first else b""
    texts = [data[a - offsets[0]:b - offsets[0]].decode() for a, b in zip(offsets[:-1], offsets[1:])]
    return list(dict.fromkeys(text for text in texts if text))  # different ones, in order


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path, help="a run's folder")
    parser.add_argument("--users", type=int, default=200, help="users to compare, spread over the whole run")
    parser.add_argument("--at-least", type=float, help="the smallest cosine that passes")
    parser.add_argument("--transformers", action="store_true", help="load the model and its tokenizer by transformers")
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)

    used, hidden, encode = load(arguments.run / "model", not arguments.transformers)
    parts = sorted((arguments.run / "embedding").glob("part-*.h5"))
    counts = []
    for part in parts:
        with h5py.File(part) as file:
            counts.append(file["/obsm/embedding"].shape[0])
    total = sum(counts)
    if total == 0:
        sys.exit("error: the run has no users")
    wanted = sorted({i * total // arguments.users for i in range(arguments.users)})
    begins = np.cumsum([0, *counts])

    worst, compared, zeros, cache = 1.0, 0, 0, {}
    limit = arguments.at_least
    for index, part in enumerate(parts):
        users = [w - begins[index] for w in wanted if begins[index] <= w < begins[index + 1]]
        if not users:
            continue
        with h5py.File(part) as embedding, h5py.File(arguments.run / "corpus" / part.name) as corpus:
            attributes = {key: value.decode() if isinstance(value, bytes) else value for key, value in embedding.attrs.items()}
            most = int(attributes["max_tokens"])
            limit = limit or (0.999 if attributes["precision"] == "bf16" else 0.9999)
            vectors = embedding["/obsm/embedding"][:]
            special = len(encode("", most))
            for user in users:
                total_vector = torch.zeros(vectors.shape[1], dtype=torch.float64)
                members = 0
                for text in texts_of_user(corpus, user):
                    if text not in cache:
                        ids = encode(text, most)
                        states = hidden(ids).double() if len(ids) > special else None
                        pooled = None if states is None else states[0] if attributes["pooling"] == "cls" else states.mean(0)
                        cache[text] = None if pooled is None else pooled / pooled.norm()
                    if cache[text] is not None:
                        total_vector += cache[text]
                        members += 1
                stored = torch.from_numpy(vectors[user]).double()
                compared += 1
                if members == 0:
                    zeros += 1
                    if stored.abs().max() > 0:
                        sys.exit(f"error: user {user} of {part.name} has no text, but a vector that is not zero")
                    continue
                length = 1.0 if attributes["normalize"] == "true" else float((total_vector / members).norm())
                if abs(float(stored.norm()) - length) > 0.01 * length:
                    sys.exit(f"error: the vector of user {user} of {part.name} has length {float(stored.norm()):.4f}, not {length:.4f}")
                worst = min(worst, float(F.cosine_similarity(total_vector, stored, 0)))
    print(f"smallest cosine {worst:.7f} over {compared} users ({zeros} without text), recomputed with {used}")
    sys.exit(0 if worst >= limit else 1)


if __name__ == "__main__":
    main()
