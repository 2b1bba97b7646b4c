#!/usr/bin/env python3
"""Texts a second of `kohort encode --device cuda` beside transformers on the same GPU, bf16 and fp32.

A model of BERT-base's shape with random weights; the texts of one column of a table, repeated. transformers has its
fast tokenizer, batches of 256 sorted by length, and PyTorch's fused attention. Kohort's time is the slope between two
numbers of copies, which leaves out loading; that of transformers starts after a first batch. The smallest cosine
between the two is printed. Needs a GPU, torch, transformers and h5py; --kohort names the program.
Example: tools/bench/gpu_encode.py --kohort build-gpu/kohort --table items.csv --column title --vocab vocab.txt
"""
import argparse
import csv
import os
import pathlib
import subprocess
import tempfile
import time

import h5py
import numpy
import torch
import transformers

ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


def kohort(arguments, model, table, precision, threads, out):
    subprocess.run(["rm", "-rf", out], check=True)
    start = time.perf_counter()
    subprocess.run([arguments.kohort, "encode", "--input", table, "--text-column", "text", "--model", model, "--device", "cuda", "--max-tokens",
                    str(arguments.max_tokens), "--precision", precision, "--threads", str(threads), "--out", out, "--log-level", "warning"],
                   check=True, env=ENVIRONMENT)
    return time.perf_counter() - start


def peer(arguments, model, texts, precision):
    tokenizer = transformers.BertTokenizerFast(vocab=str(arguments.vocab)) if int(transformers.__version__.split(".")[0]) >= 5 else \
        transformers.BertTokenizerFast(vocab_file=str(arguments.vocab))
    encoder = transformers.BertModel.from_pretrained(model, add_pooling_layer=False, attn_implementation="sdpa",
                                                     dtype=torch.bfloat16 if precision == "bf16" else torch.float32).cuda().eval()
    vectors = numpy.empty((len(texts), encoder.config.hidden_size), "f4")

    def encode(texts):
        ids = tokenizer(texts, truncation=True, max_length=arguments.max_tokens)["input_ids"]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for first in range(0, len(order), 256):
            members = order[first:first + 256]
            batch = tokenizer.pad({"input_ids": [ids[i] for i in members]}, return_tensors="pt").to("cuda")
            hidden = encoder(**batch).last_hidden_state.float()
            mask = batch["attention_mask"].unsqueeze(-1)
            vectors[members] = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1)).cpu().numpy()
        return sum(map(len, ids))

    with torch.inference_mode():
        encode(texts[:256])
        start = time.perf_counter()
        tokens = encode(texts)
        return time.perf_counter() - start, tokens, vectors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kohort", default="build-gpu/kohort")
    parser.add_argument("--table", required=True)
    parser.add_argument("--column", required=True)
    parser.add_argument("--vocab", type=pathlib.Path, required=True)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--precisions", nargs="+", default=["bf16", "fp32"])
    arguments = parser.parse_args()
    with open(arguments.table, encoding="utf-8") as file:
        texts = [row[arguments.column] for row in csv.DictReader(file)][:arguments.rows]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = folder / "model"
        torch.manual_seed(1)
        size = sum(1 for _ in open(arguments.vocab, encoding="utf-8"))
        transformers.BertModel(transformers.BertConfig(vocab_size=size), add_pooling_layer=False).save_pretrained(model)
        subprocess.run(["cp", arguments.vocab, model / "vocab.txt"], check=True)
        tables = {}
        for copies in (1, 4):
            tables[copies] = folder / f"{copies}.csv"
            with open(tables[copies], "w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([["text"], *([text] for text in texts * copies)])
        for precision in arguments.precisions:
            seconds, tokens, theirs = peer(arguments, model, texts, precision)
            print(f"{precision}: transformers {len(texts) / seconds:,.0f} texts/s, {tokens / seconds:,.0f} tokens/s", flush=True)
            for threads in arguments.threads:
                few, many = (kohort(arguments, model, tables[copies], precision, threads, folder / f"out{copies}") for copies in (1, 4))
                mine = 3 * len(texts) / (many - few)
                with h5py.File(folder / "out1/kohort.h5") as file:
                    ours = file["/obsm/embedding"][:]
                cosine = (ours * theirs).sum(1).min()
                print(f"{precision}: kohort, {threads} threads, {mine:,.0f} texts/s ({few:.1f} s and {many:.1f} s), "
                      f"{mine * seconds / len(texts):.2f} x transformers, smallest cosine {cosine:.7f}", flush=True)


if __name__ == "__main__":
    main()
