#!/usr/bin/python3
"""Peak memory of `kohort encode --input` on 100,000 and on 1,000,000 short texts, one process of two threads, with a
random BERT of 2 layers x 64: what does not grow with the table stays the same.

Needs two minutes. Example: tools/bench/encode_memory.py [--post-process whiten] [--storage float16]
"""
import argparse
import csv
import json
import os
import pathlib
import random
import struct
import subprocess
import tempfile
import time

import numpy

SOURCE = pathlib.Path(__file__).resolve().parents[2]
WORDS = [first + middle + last for first in "bdfgklmnprst" for middle in "aeiou" for last in "lmnrst"]
HIDDEN, LAYERS, INNER = 64, 2, 128


def make_model(folder):
    folder.mkdir()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({
        "model_type": "bert", "vocab_size": len(vocabulary), "hidden_size": HIDDEN, "num_attention_heads": 4,
        "num_hidden_layers": LAYERS, "intermediate_size": INNER, "max_position_embeddings": 64, "type_vocab_size": 2,
        "hidden_act": "gelu", "layer_norm_eps": 1e-12}))
    shapes = {f"embeddings.{name}_embeddings.weight": (rows, HIDDEN) for name, rows in
              (("word", len(vocabulary)), ("position", 64), ("token_type", 2))}
    shapes |= {f"embeddings.LayerNorm.{kind}": (HIDDEN,) for kind in ("weight", "bias")}
    for layer in range(LAYERS):
        for name, out, into in (("attention.self.query", HIDDEN, HIDDEN), ("attention.self.key", HIDDEN, HIDDEN),
                                ("attention.self.value", HIDDEN, HIDDEN), ("attention.output.dense", HIDDEN, HIDDEN),
                                ("intermediate.dense", INNER, HIDDEN), ("output.dense", HIDDEN, INNER)):
            shapes[f"encoder.layer.{layer}.{name}.weight"] = (out, into)
            shapes[f"encoder.layer.{layer}.{name}.bias"] = (out,)
        for name in ("attention.output", "output"):
            shapes |= {f"encoder.layer.{layer}.{name}.LayerNorm.{kind}": (HIDDEN,) for kind in ("weight", "bias")}
    draw, head, body = numpy.random.default_rng(1), {}, b""
    for name, shape in shapes.items():
        values = draw.normal(size=shape, scale=0.3).astype("f4")
        if name.endswith("LayerNorm.weight"): values[:] = 1
        head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + values.nbytes]}
        body += values.tobytes()
    text = json.dumps(head).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)


def make_table(path, rows):
    draw = random.Random(1)
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", "title"])
        for row in range(rows):
            out.writerow([row, " ".join(draw.choices(WORDS, k=draw.randint(2, 9)))])


def encode(folder, rows, options):
    table, out = folder / f"{rows}.csv", folder / f"out-{rows}"
    make_table(table, rows)
    start = time.perf_counter()
    child = subprocess.Popen([SOURCE / "build/kohort", "encode", "--input", table, "--text-column", "title",
                              "--model", folder / "model", "--threads", "2", "--max-tokens", "32", "--out", out,
                              "--log-level", "warning", *options])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"error: kohort ended with {os.waitstatus_to_exitcode(status)}")
    print(f"{rows:9,} texts: peak memory {usage.ru_maxrss / 1024:6.1f} MiB, {time.perf_counter() - start:5.1f} s", flush=True)
    return usage.ru_maxrss


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs=2, default=[100_000, 1_000_000])
    arguments, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_model(folder / "model")
        few, many = (encode(folder, rows, options) for rows in arguments.rows)
        print(f"{many / few:.3f} times as much")


if __name__ == "__main__":
    main()
