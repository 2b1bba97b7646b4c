#!/usr/bin/python3
"""Gathers runs of one input at several rank counts into a table: FOLDER/ranks-N and FOLDER/ranks-N.digest.

Writes scaling.csv and scaling.md there: for each rank count and stage the wall time, speedup and efficiency against
the fewest ranks, share of time spent waiting for other ranks, bytes sent, peak memory, and the run's digest. Exits 1
where the digests differ: then the ranks have changed the result.
"""
import csv
import json
import pathlib
import sys


def read_run(folder):
    """The last record of each stage: a resumed run has recorded some stages twice."""
    stages = {}
    with open(folder / "metrics.jsonl", encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            if record["event"] == "stage":
                stages[record["stage"]] = record
    return stages


def read_digest(path):
    for line in path.read_text().splitlines():
        if line.startswith("total "):
            return line.split()[1]
    return "none"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: scaling_report.py FOLDER")
    folder = pathlib.Path(sys.argv[1])
    counts = sorted(int(path.name.split("-")[1]) for path in folder.glob("ranks-*") if path.is_dir())
    if not counts:
        sys.exit(f"error: {folder} holds no ranks-N folders")
    runs = {ranks: read_run(folder / f"ranks-{ranks}") for ranks in counts}
    digests = {ranks: read_digest(folder / f"ranks-{ranks}.digest") for ranks in counts}
    rows = []
    for ranks in counts:
        total = dict(seconds=0.0, bytes_sent=0, peak_memory=0, wait=0.0)
        for stage, record in runs[ranks].items():
            base = runs[counts[0]][stage]["seconds"]
            rows.append([ranks, stage, record["seconds"], base / record["seconds"], base / record["seconds"] * counts[0] / ranks,
                         record["wait_share"], record["bytes_sent"], record["peak_memory"], digests[ranks][:16]])
            total["seconds"] += record["seconds"]
            total["wait"] += record["wait_share"] * record["seconds"]
            total["bytes_sent"] += record["bytes_sent"]
            total["peak_memory"] = max(total["peak_memory"], record["peak_memory"])
        base = sum(record["seconds"] for record in runs[counts[0]].values())
        rows.append([ranks, "all", total["seconds"], base / total["seconds"], base / total["seconds"] * counts[0] / ranks,
                     total["wait"] / total["seconds"], total["bytes_sent"], total["peak_memory"], digests[ranks][:16]])
    head = ["ranks", "stage", "seconds", "speedup", "efficiency", "wait_share", "bytes_sent", "peak_memory", "digest"]
    with open(folder / "scaling.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    shown = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for ranks, stage, seconds, speedup, efficiency, wait, sent, peak, digest in rows:
        shown.append(f"| {ranks} | {stage} | {seconds:.2f} | {speedup:.2f} | {efficiency:.2f} | {100 * wait:.0f}% | "
                     f"{sent / 1e6:.1f} MB | {peak / 1e6:.0f} MB | {digest} |")
    text = "\n".join(shown) + "\n"
    (folder / "scaling.md").write_text(text, encoding="utf-8")
    print(text)
    if len(set(digests.values())) != 1:
        sys.exit("error: the digests differ between rank counts")


if __name__ == "__main__":
    main()
