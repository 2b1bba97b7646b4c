#!/usr/bin/python3
"""How much faster two ranks are than one, stage by stage: ingest, finetune, encode and cluster, each alone, one thread
a rank. Runs alternate between 1 and 2 ranks; the table has the medians of the stages' wall times and their ratio.

Inputs: an event log for ingest, repeated (with other users) until one rank takes about ten seconds; the log as it is
for finetune and encode; made-up vectors around 64 centres for cluster.
Needs a quiet machine with two cores. Example: tools/bench/ranks.py ../shared/data/users_zh/events.csv
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
KOHORT = SOURCE / "build/kohort"
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


def kohort(ranks, job, *words):
    start = time.perf_counter()
    subprocess.run(["mpirun", "-n", str(ranks), KOHORT, job, *map(str, words), "--threads", "1", "--log-level", "warning"],
                   check=True, env=ENVIRONMENT)
    return time.perf_counter() - start


def stage_seconds(run, stage):
    """Of the newest record; the process's own start is left out, as it is the same for all stages."""
    records = [json.loads(line) for line in open(run / "metrics.jsonl", encoding="utf-8")]
    return [record["seconds"] for record in records if record["event"] == "stage" and record["stage"] == stage][-1]


def repeated_log(path, copies, out):
    head, *lines = path.read_text(encoding="utf-8-sig").splitlines()
    with open(out, "w", encoding="utf-8") as file:
        file.write(head + "\n")
        for copy in range(copies):
            file.writelines(f"{copy:x}{line}\n" for line in lines)


def make_vectors(path, rows, columns, centres):
    import numpy
    draw = numpy.random.default_rng(1)
    middle = draw.normal(size=(centres, columns)).astype("f4")
    numpy.save(path, middle[draw.integers(centres, size=rows)] + draw.normal(size=(rows, columns), scale=1.5).astype("f4"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=pathlib.Path, help="event log with user ids in the first column")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--copies", type=int, default=32, help="of the log, for ingest")
    parser.add_argument("--steps", type=int, default=40, help="of finetune")
    parser.add_argument("--stages", nargs="+", default=["ingest", "finetune", "encode", "cluster"])
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        if "ingest" in arguments.stages:
            repeated_log(arguments.events, arguments.copies, work / "large.csv")
        if "cluster" in arguments.stages:
            make_vectors(work / "vectors.npy", 1_000_000, 128, 64)
        kohort(2, "ingest", "--input", arguments.events, "--out", work / "corpus")
        kohort(2, "finetune", "--out", work / "corpus", "--steps", 2)

        def fresh(source):
            run = work / "run"
            shutil.rmtree(run, ignore_errors=True)
            if source:
                shutil.copytree(source, run)
            return run

        def ingest(ranks):
            run = fresh(None)
            kohort(ranks, "ingest", "--input", work / "large.csv", "--out", run)
            return stage_seconds(run, "ingest")

        def finetune(ranks):
            run = fresh(None)
            kohort(2, "ingest", "--input", arguments.events, "--out", run)
            kohort(ranks, "finetune", "--out", run, "--steps", arguments.steps)
            return stage_seconds(run, "train")

        def encode(ranks):
            run = fresh(work / "corpus")
            kohort(ranks, "encode", "--out", run)
            return stage_seconds(run, "encode")

        def cluster(ranks):
            run = fresh(None)
            kohort(ranks, "cluster", "--input", work / "vectors.npy", "--clusters", 256, "--iterations", 20, "--restarts", 1,
                   "--init", "random", "--out", run)
            return stage_seconds(run, "cluster")

        print(f"{'stage':<10} {'1 rank':>9} {'2 ranks':>9} {'ratio':>6}")
        for stage in arguments.stages:
            measure = {"ingest": ingest, "finetune": finetune, "encode": encode, "cluster": cluster}[stage]
            seconds = {1: [], 2: []}
            for _ in range(arguments.rounds):
                for ranks in (1, 2):
                    seconds[ranks].append(measure(ranks))
            one, two = (statistics.median(seconds[ranks]) for ranks in (1, 2))
            print(f"{stage:<10} {one:8.2f}s {two:8.2f}s {one / two:5.2f}x", flush=True)


if __name__ == "__main__":
    main()
