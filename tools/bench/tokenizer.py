#!/usr/bin/python3
"""MB a second of `kohort tokenize`, one thread, beside Hugging Face's tokenizers with one thread, ids to files and all.

The lines of a file are repeated to the sizes given; the slope between the two leaves out starting. The peer encodes 8 MB
of the same lines, in batches of 1,000, and writes nothing. Both read the same vocabulary; the first 1,000 lines' ids are
compared. --peer-python: an interpreter with tokenizers.
Example: tools/bench/tokenizer.py --tokenizer vocab.txt --peer-python VENV/bin/python headlines.txt english.txt
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="true")
PEER = r"""
import json, sys, time
import tokenizers
tokenizer = tokenizers.BertWordPieceTokenizer(sys.argv[1], lowercase=True) if sys.argv[1].endswith(".txt") else tokenizers.Tokenizer.from_file(sys.argv[1])
lines = open(sys.argv[2], encoding="utf-8", newline="\n").read().split("\n")[:-1]
tokenizer.encode_batch(lines[:1000])
start = time.perf_counter()
for first in range(0, len(lines), 1000): tokenizer.encode_batch(lines[first:first + 1000])
seconds = time.perf_counter() - start
print(json.dumps([sum(len(line.encode()) + 1 for line in lines) / seconds, [e.ids for e in tokenizer.encode_batch(lines[:1000])]]))
"""


def repeat(lines, size, path):
    copies = max(size // sum(map(len, lines)), 1)
    with open(path, "wb") as file:
        for _ in range(copies): file.writelines(lines)
    return path.stat().st_size


def kohort_seconds(tokenizer, path, out):
    start = time.perf_counter()
    subprocess.run([SOURCE / "build/kohort", "tokenize", "--tokenizer", tokenizer, "--input", path, "--out", out], check=True, env=ENVIRONMENT)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--tokenizer", required=True, help="vocab.txt (lowercase) or tokenizer.json")
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, nargs=2, default=[70, 210])
    arguments = parser.parse_args()
    print("| lines of | MB/s | tokenizers, MB/s | |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for path in arguments.files:
            lines = [line.rstrip(b"\r\n") + b"\n" for line in open(path, "rb")]
            few, many = (repeat(lines, size * 1_000_000, folder / f"{size}") for size in arguments.megabytes)
            repeat(lines, 8_000_000, folder / "peer")
            ours, theirs = [], []
            for _ in range(arguments.rounds):
                seconds = [kohort_seconds(arguments.tokenizer, folder / f"{size}", folder / "out") for size in arguments.megabytes]
                ours.append((many - few) / (seconds[1] - seconds[0]))
                out = subprocess.run([arguments.peer_python, "-c", PEER, arguments.tokenizer, folder / "peer"], check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout
                speed, ids = json.loads(out)
                theirs.append(speed)
            with open(folder / "out", encoding="utf-8") as file:
                if any(json.loads(line)["ids"] != expected for line, expected in zip(file, ids)): sys.exit("the ids differ")
            print(f"| {path.name} | {statistics.median(ours) / 1e6:.1f} | {statistics.median(theirs) / 1e6:.2f} | {statistics.median(ours) / statistics.median(theirs):.1f}x |", flush=True)


if __name__ == "__main__":
    main()
