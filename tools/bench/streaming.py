#!/usr/bin/python3
"""K-means on more vectors than a rank may hold: time of an iteration and peak memory, streamed under a cap and in memory,
on two ranks of one thread; both must give one digest. By default 20 million rows of 128 (10 GB of disk, and 12 GB of
memory for the run that keeps them).

Example: tools/bench/streaming.py --folder /large --memory 4G
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

import numpy

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


def make_rows(path, rows, columns, centres):
    """Piece by piece, so that making them takes no more memory than reading them."""
    out = numpy.lib.format.open_memmap(path, mode="w+", dtype="f4", shape=(rows, columns))
    draw = numpy.random.default_rng(1)
    middle = draw.standard_normal((centres, columns), dtype="f4")
    for first in range(0, rows, 1 << 18):
        size = min(1 << 18, rows - first)
        out[first:first + size] = middle[draw.integers(centres, size=size)] + draw.standard_normal((size, columns), dtype="f4")
    out.flush()


def run(folder, arguments, *options):
    out = folder / "out"
    subprocess.run(["rm", "-rf", out], check=True)
    subprocess.run(["mpirun", "-n", "2", SOURCE / "build/kohort", "cluster", "--input", folder / "rows.npy", "--init", "random", "--clusters",
                    str(arguments.clusters), "--iterations", str(arguments.iterations), "--restarts", "1", "--threads", "1", "--out", out,
                    "--pruning", "off", "--log-level", "warning", *options], check=True, env=ENVIRONMENT)
    records = [json.loads(line) for line in open(out / "metrics.jsonl", encoding="utf-8")]
    seconds = statistics.median(record["seconds"] for record in records if record["event"] == "lloyd" and record["iteration"] > 0)
    peak = [record["peak_memory"] for record in records if record["event"] == "stage"][-1]
    verified = subprocess.run([SOURCE / "build/kohort", "verify", out], check=True, capture_output=True, text=True).stdout
    digest = next(line.split()[1] for line in verified.splitlines() if line.startswith("total "))
    return seconds, peak, digest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--columns", type=int, default=128)
    parser.add_argument("--clusters", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--memory", default="4G")
    parser.add_argument("--folder", help="for the temporary files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = pathlib.Path(name)
        make_rows(folder / "rows.npy", arguments.rows, arguments.columns, arguments.clusters)
        streamed = run(folder, arguments, "--stream", "auto", "--memory", arguments.memory)
        held = run(folder, arguments, "--stream", "off")
    print(f"{'':<10} {'s an iteration':>15} {'peak GiB a rank':>16}")
    for label, (seconds, peak, _) in (("streamed", streamed), ("in memory", held)):
        print(f"{label:<10} {seconds:15.2f} {peak / 2**30:16.2f}")
    print(f"streamed at {held[0] / streamed[0]:.2f}x the speed in memory; digests {'equal' if streamed[2] == held[2] else 'DIFFER'}")


if __name__ == "__main__":
    main()
