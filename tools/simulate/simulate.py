#!/usr/bin/python3
"""Time of one Lloyd iteration against the number of ranks, on a simulated cluster of up to 1,024 nodes.

Compiles src/cluster with SimGrid's smpicxx and runs it under smpirun: the messages are simulated, the work on rows is
counted at the rate of one core (--rate, in GF/s; by default measured here with `kohort cluster`). The cluster: nodes of
one rank in a two-level fat tree, 32 nodes to a switch, 100 Gb/s and 1 microsecond a link.
Needs Debian's libsimgrid-dev and python3-matplotlib. Writes two plots beside the table.
Example: tools/simulate/simulate.py --plots tools/pictures
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
PLATFORM = """<?xml version='1.0'?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <cluster id="cluster" prefix="node-" radical="0-1023" suffix="" speed="{speed:.0f}f" bw="12.5GBps" lat="1us"
           topology="FAT_TREE" topo_parameters="2;32,32;1,16;1,1" loopback_bw="20GBps" loopback_lat="0.1us"/>
</platform>
"""
SOURCES = ["base/error.cpp", "base/hash.cpp", "base/philox.cpp", "base/worker_threads.cpp", "parallel/communicator.cpp",
           "parallel/exact_sum.cpp", "parallel/heartbeat.cpp", "cluster/canonical_distance.cpp",
           "cluster/centroid_sums.cpp", "cluster/certify.cpp", "cluster/distance_kernel.cpp", "cluster/empty_clusters.cpp",
           "cluster/lloyd.cpp", "cluster/packed_centroids.cpp", "cluster/prefilter.cpp", "cluster/row_set.cpp",
           "cluster/triangle_bounds.cpp", "cluster/wide_sum.cpp"]
KERNELS = {"tile_kernel_portable": [], "tile_kernel_avx2": ["-mavx2", "-mfma"],
           "tile_kernel_avx512": ["-mavx512f", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"],
           "prefilter_kernel_avx512": ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx512bf16", "-mfma"]}
RANKS = [16, 32, 64, 128, 256, 512, 1024]


def build(folder):
    program = folder / "kmeans_simulated"
    common = ["-std=c++20", "-O3", "-fPIC", "-ffp-contract=off", f"-I{SOURCE / 'src'}", f"-I{HERE}"]
    objects = []
    files = [(SOURCE / "src" / name, []) for name in SOURCES if (SOURCE / "src" / name).exists()]
    files += [(SOURCE / "src/cluster" / (name + ".cpp"), flags + ["-ffp-contract=fast"]) for name, flags in KERNELS.items()]
    files.append((HERE / "kmeans_simulated.cpp", []))
    for path, flags in files:
        target = folder / (path.parent.name + "-" + path.stem + ".o")
        subprocess.run(["smpicxx", *common, *flags, "-c", path, "-o", target], check=True)
        objects.append(target)
    subprocess.run(["smpicxx", *objects, "-o", program, "-lfmt", "-lsodium", "-lxxhash", "-lpthread"], check=True)
    return program


def measured_rate(folder, clusters, columns):
    import numpy
    draw = numpy.random.default_rng(1)
    numpy.save(folder / "rows.npy", draw.normal(size=(20_000, columns)).astype("f4"))
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    subprocess.run([SOURCE / "build/kohort", "cluster", "--input", folder / "rows.npy", "--clusters", str(clusters), "--init", "random",
                    "--iterations", "4", "--restarts", "1", "--threads", "1", "--pruning", "off", "--prefilter", "off", "--out",
                    folder / "run", "--log-level", "warning"], check=True, env=environment)
    records = [json.loads(line) for line in open(folder / "run/metrics.jsonl", encoding="utf-8")]
    fastest = min(record["assign_seconds"] for record in records if record["event"] == "lloyd")
    return 2e-9 * 20_000 * clusters * columns / fastest


def simulated(program, folder, ranks, rows, arguments, rate):
    fixed = arguments.fixed_ns * 1e-9 * arguments.clusters * arguments.dimensions
    result = subprocess.run(["smpirun", "-np", str(ranks), "-platform", folder / "platform.xml", "-hostfile", folder / "hosts",
                             "--cfg=smpi/host-speed:" + str(rate * 1e9), "--cfg=smpi/simulate-computation:no",
                             "--cfg=smpi/coll-selector:ompi", "--log=root.thres:error", program, str(rows), str(arguments.clusters),
                             str(arguments.dimensions), "3", str(fixed), str(rate * 1e9)], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"error: the simulation of {ranks} ranks failed:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return float(result.stdout.split()[-1])


def plot(path, title, ranks, efficiency, label):
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "kohort"
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(5.5, 3.2), layout="constrained")
    axes.semilogx(ranks, efficiency, "o-", base=2)
    axes.set(xlabel="simulated ranks", ylabel=label, title=title, ylim=(0, 1.05), xticks=ranks, xticklabels=[str(n) for n in ranks])
    axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, help="GF/s of one core in the distances")
    parser.add_argument("--clusters", type=int, default=1024)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--rows-a-rank", type=int, default=100_000, help="weak scaling")
    parser.add_argument("--rows", type=int, default=10_000_000, help="strong scaling")
    parser.add_argument("--fixed-ns", type=float, default=8, help="nanoseconds a centroid component costs each rank in an iteration")
    parser.add_argument("--most-ranks", type=int, default=1024)
    parser.add_argument("--plots", type=pathlib.Path)
    arguments = parser.parse_args()
    ranks = [n for n in RANKS if n <= arguments.most_ranks]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        rate = arguments.rate or measured_rate(folder, arguments.clusters, arguments.dimensions)
        (folder / "platform.xml").write_text(PLATFORM.format(speed=rate * 1e9))
        (folder / "hosts").write_text("".join(f"node-{i}\n" for i in range(1024)))
        program = build(folder)
        print(f"k={arguments.clusters}, d={arguments.dimensions}, {rate:.0f} GF/s a rank, all-reduce of "
              f"{8 * arguments.clusters * (arguments.dimensions + 2) / 1e6:.1f} MB an iteration")
        print("| ranks | weak: s an iteration | efficiency | strong: s an iteration | efficiency |\n|---|---|---|---|---|")
        weak, strong = [], []
        for n in ranks:
            weak.append(simulated(program, folder, n, arguments.rows_a_rank, arguments, rate))
            strong.append(simulated(program, folder, n, arguments.rows / n, arguments, rate))
            print(f"| {n:,} | {weak[-1]:.4f} | {weak[0] / weak[-1]:.3f} | {strong[-1]:.5f} | "
                  f"{strong[0] * ranks[0] / (strong[-1] * n):.3f} |", flush=True)
    # Beyond what was simulated: what is not work on rows stays as it is at the most ranks.
    work = 2e-9 * arguments.rows * arguments.clusters * arguments.dimensions / rate
    rest = strong[-1] - work / ranks[-1]
    print(f"Strong efficiency falls to 0.5 at about {work / rest:,.0f} ranks, if all but the work on rows takes {1e3 * rest:.2f} ms "
          f"there as at {ranks[-1]:,}.")
    if arguments.plots:
        plot(arguments.plots / "simulated-weak.svg", f"{arguments.rows_a_rank:,} rows a rank", ranks, [weak[0] / t for t in weak], "efficiency")
        plot(arguments.plots / "simulated-strong.svg", f"{arguments.rows:,} rows", ranks,
             [strong[0] * ranks[0] / (t * n) for n, t in zip(ranks, strong)], "efficiency")


if __name__ == "__main__":
    main()
