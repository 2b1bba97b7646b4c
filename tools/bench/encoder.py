#!/usr/bin/python3
"""Tokens a second of `kohort encode` on a model of BERT-base's shape, beside PyTorch and onnxruntime, on two cores.

12 layers of 768, vocabulary 21,128, random weights; sequences of one length (32, 128), given as token ids. PyTorch runs
transformers' BertModel in batches of 32, in fp32 and under bf16 autocast, onnxruntime the same model exported, in fp32;
both by the interpreters named (--torch-python, several; --onnx-python). All are timed on a number of sequences and on
three times as many in alternating rounds; the slopes' medians leave out loading and starting. The ceiling is the time of
the model's matrix products alone in the same precision, by oneDNN with one thread a product and two at a time (products.cpp). The
vectors that were timed are compared: the smallest cosine to the first PyTorch's in fp32. Needs a quiet machine.
With --documents EVENTS.csv: users a second, on the documents of the first users of an event log (all texts of each, as `kohort
encode` has them), in batches of 32 padded in the order of the file and sorted by length, with the same model.
Example: tools/bench/encoder.py --torch-python /usr/bin/python3 NEW/bin/python --onnx-python ORT/bin/python
"""
import argparse
import csv
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import h5py
import numpy

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", HF_HUB_OFFLINE="1", OMP_NUM_THREADS="2", MKL_NUM_THREADS="2")

MODEL = r"""
import sys, torch, transformers
torch.manual_seed(1)
model = transformers.BertModel(transformers.BertConfig(vocab_size=21128), add_pooling_layer=False).eval()
model.save_pretrained(sys.argv[1], safe_serialization=True)
if len(sys.argv) > 2:
    ids = torch.randint(21128, (2, 16))
    torch.onnx.export(model, (ids, torch.ones_like(ids)), sys.argv[2], input_names=["ids", "mask"], output_names=["hidden"], opset_version=14,
                      dynamic_axes={name: {0: "rows", 1: "tokens"} for name in ("ids", "mask", "hidden")})
"""
# Reads lists of token ids, one JSON line each; prints the seconds for the first third and for all.
PEER = r"""
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import numpy
kind, model, lines, order, out = sys.argv[1:]
all_ids = [json.loads(line)["ids"] for line in open(lines)]
if kind == "onnx":
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(model, options)
    run = lambda ids, mask: session.run(None, {"ids": ids, "mask": mask})
else:
    import torch, transformers
    torch.set_num_threads(2)
    encoder = transformers.BertModel.from_pretrained(model, add_pooling_layer=False).eval()
    def run(ids, mask):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=kind == "bf16"):
            return encoder(torch.from_numpy(ids), torch.from_numpy(mask)).last_hidden_state
def encode(sequences):
    if order == "sorted": sequences = sorted(sequences, key=len)
    for first in range(0, len(sequences), 32):
        batch = sequences[first:first + 32]
        ids = numpy.zeros((len(batch), max(map(len, batch))), "i8")
        mask = numpy.zeros_like(ids)
        for row, sequence in enumerate(batch): ids[row, :len(sequence)] = sequence; mask[row, :len(sequence)] = 1
        run(ids, mask)
encode(all_ids[:32])
if kind == "fp32":
    means = [run(numpy.array([ids], "i8"), numpy.ones((1, len(ids)), "i8"))[0].mean(0) for ids in all_ids[:32]]
    numpy.save(out, numpy.stack([numpy.array(mean.float()) for mean in means]))
seconds = []
for part in (all_ids[:len(all_ids) // 3], all_ids):
    start = time.perf_counter()
    encode(part)
    seconds.append(time.perf_counter() - start)
print(json.dumps(seconds))
"""
def write_ids(path, sequences):
    with open(path, "w", encoding="utf-8") as file:
        for ids in sequences: file.write(json.dumps({"ids": ids}) + "\n")


def kohort_seconds(model, lines, precision, longest, out):
    subprocess.run(["rm", "-rf", out], check=True)
    start = time.perf_counter()
    subprocess.run([SOURCE / "build/kohort", "encode", "--input", lines, "--model", model, "--max-tokens", str(longest), "--precision",
                    precision, "--threads", "2", "--out", out, "--log-level", "warning"], check=True, env=ENVIRONMENT)
    return time.perf_counter() - start


def peer_slope(python, kind, model, lines, count, order="file"):
    out = subprocess.run([python, "-c", PEER, kind, model, lines, order, lines.with_suffix(".npy")], check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout
    few, many = json.loads(out.strip().splitlines()[-1])
    return (many - few) / (count - count // 3)


def smallest_cosine(vectors, expected):
    expected = numpy.load(expected)
    with h5py.File(vectors) as file: found = file["/obsm/embedding"][:len(expected)]
    return ((found * expected).sum(1) / numpy.linalg.norm(found, axis=1) / numpy.linalg.norm(expected, axis=1)).min()


def compare(arguments, folder, name, sequences, orders, users=0):
    """Seconds a sequence of each program, and the table."""
    model, lines, third = folder / "model", folder / f"{name}.jsonl", folder / f"{name}-third.jsonl"
    write_ids(lines, sequences)
    write_ids(third, sequences[:len(sequences) // 3])
    longest, tokens = max(map(len, sequences)), sum(map(len, sequences)) / len(sequences)
    slopes = {}
    for _ in range(arguments.rounds):
        for precision in arguments.precisions:
            few = kohort_seconds(model, third, precision, longest, folder / "third")
            many = kohort_seconds(model, lines, precision, longest, folder / precision)
            slopes.setdefault(f"Kohort {precision}", []).append((many - few) / (len(sequences) - len(sequences) // 3))
        for python in arguments.torch_python:
            version = subprocess.run([python, "-c", "import torch; print(torch.__version__.split('+')[0])"], check=True, capture_output=True, text=True).stdout.strip()
            for precision in arguments.precisions:
                for order in orders:
                    slopes.setdefault(f"PyTorch {version} {precision}" + (f", {order}" if len(orders) > 1 else ""), []).append(
                        peer_slope(python, precision, model, lines, len(sequences), order))
        if arguments.onnx_python and len(orders) == 1:
            slopes.setdefault("onnxruntime fp32", []).append(peer_slope(arguments.onnx_python, "onnx", folder / "model.onnx", lines, len(sequences)))
    median = {key: statistics.median(values) for key, values in slopes.items()}
    ceilings = {precision: float(subprocess.run([folder / "products", precision], check=True, capture_output=True, text=True).stdout)
                for precision in arguments.precisions}
    print(f"\n{name}: {len(sequences):,} sequences of {tokens:.1f} tokens on average; products alone: "
          + ", ".join(f"{precision} {value:,.0f} tokens/s" for precision, value in ceilings.items()))
    if users: print(f"They are the texts of {users:,} users: {len(sequences) / users:.1f} each.")
    print("| | sequences/s | tokens/s |" + (" users/s |" if users else "") + "".join(f" {precision} Kohort takes |" for precision in arguments.precisions) + "\n|---|---|---|" + ("---|" if users else "") + "---|" * len(arguments.precisions))
    for key, seconds in median.items():
        factors = "".join(f" {seconds / median[f'Kohort {precision}']:.2f}x less |" for precision in arguments.precisions)
        of_users = f" {users / len(sequences) / seconds:.2f} |" if users else ""
        print(f"| {key} | {1 / seconds:.1f} | {tokens / seconds:,.0f} |{of_users}{factors}")
    for precision in arguments.precisions:
        print(f"Kohort {precision} reaches {100 * tokens / median[f'Kohort {precision}'] / ceilings[precision]:.0f}% of the products alone."
              + (f" Smallest cosine to PyTorch's vectors: {smallest_cosine(folder / precision / 'kohort.h5', lines.with_suffix('.npy')):.7f}."
                 if "fp32" in arguments.precisions else ""), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-python", nargs="+", default=["/usr/bin/python3"], help="interpreters with torch and transformers")
    parser.add_argument("--onnx-python", help="interpreter with onnxruntime")
    parser.add_argument("--lengths", type=int, nargs="*", default=[32, 128])
    parser.add_argument("--tokens", type=int, default=36_000, help="of a measurement, about")
    parser.add_argument("--documents", help="CSV of events with columns `user_id` and `text`: also its documents")
    parser.add_argument("--vocab", help="vocab.txt for --documents")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precisions", nargs="+", default=["bf16", "fp32"], choices=["bf16", "fp32"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([arguments.torch_python[0], "-c", MODEL, folder / "model", *([folder / "model.onnx"] if arguments.onnx_python else [])],
                       check=True, env=ENVIRONMENT)
        subprocess.run(["g++", "-O2", "-fopenmp", SOURCE / "tools/bench/products.cpp", "-o", folder / "products", "-ldnnl"], check=True)
        for length in arguments.lengths:
            count = max(arguments.tokens // length // 96, 1) * 96
            compare(arguments, folder, f"length {length}", [[(i * 7919 + j * 104729) % 21128 for j in range(length)] for i in range(count)], ["file"])
        if arguments.documents:
            texts, ids = folder / "texts.txt", folder / "texts.jsonl"
            documents = {}  # by user, in the order of their first events
            with open(arguments.documents, encoding="utf-8-sig", newline="") as file:
                for row in csv.DictReader(file):
                    if row["text"].strip(): documents.setdefault(row["user_id"], {})[" ".join(row["text"].split())] = None
            chosen, users = [], 0
            for document in documents.values():
                if len(chosen) >= arguments.tokens // 10: break
                chosen += document
                users += 1
            with open(texts, "w", encoding="utf-8") as out: out.writelines(text + "\n" for text in chosen)
            subprocess.run([SOURCE / "build/kohort", "tokenize", "--tokenizer", arguments.vocab, "--input", texts, "--out", ids], check=True, env=ENVIRONMENT)
            with open(ids, encoding="utf-8") as file:
                compare(arguments, folder, "documents", [json.loads(line)["ids"][:128] for line in file], ["file", "sorted"], users)


if __name__ == "__main__":
    main()
