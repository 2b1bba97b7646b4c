#!/usr/bin/python3
"""Time of one Lloyd iteration against the number of ranks, on a simulated cluster of up to 1,024 nodes.

Compiles src/cluster with SimGrid's smpicxx into build-simulate/ and runs it under smpirun: the messages are simulated,
the work on rows is counted. By default three costs are measured here, on one core: the rate of the distances in GF/s and
what an iteration costs besides, both from `build/kohort cluster` at two numbers of rows, and the adding of two buffers.
The cluster: nodes of one rank in a two-level fat tree, 32 nodes to a switch with 16 links upward, 100 Gb/s and 1
microsecond a link. The all-reduce is by default the one that Open MPI 4.1 does for Kohort (a tree, see
simulated_communicator.h); `--all-reduce blocking` shows what its blocking one would take.
Needs Debian's libsimgrid-dev, python3-matplotlib and python3-numpy, and some 13 GB of memory at 1,024 ranks. Writes two
plots beside the table.
Example: tools/simulate/simulate.py --plots tools/pictures
"""
import argparse
import json
import os
import math
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
PLATFORM = """<?xml version='1.0'?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <cluster id="cluster" prefix="node-" radical="0-1023" suffix="" speed="{speed:.0f}f" bw="12.5GBps" lat="1us"
           topology="FAT_TREE" topo_parameters="2;32,32;1,16;1,1" loopback_bw="20GBps" loopback_lat="0.1us"/>
</platform>
"""
SOURCES = ["base/error.cpp", "base/hash.cpp", "base/large_array.cpp", "base/philox.cpp", "base/worker_threads.cpp", "parallel/communicator.cpp",
           "parallel/exact_sum.cpp", "parallel/heartbeat.cpp", "base/amx.cpp", "cluster/canonical_distance.cpp",
           "cluster/centroid_sums.cpp", "cluster/certify.cpp", "cluster/cluster_totals.cpp", "cluster/distance_kernel.cpp",
           "cluster/empty_clusters.cpp", "cluster/in_parallel.cpp", "cluster/kernel_choice.cpp", "cluster/lloyd.cpp",
           "cluster/packed_centroids.cpp", "cluster/prefilter.cpp", "cluster/row_set.cpp", "cluster/triangle_bounds.cpp",
           "cluster/wide_sum.cpp"]
COARSE = ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mfma"]
KERNELS = {"tile_kernel_portable": [], "tile_kernel_avx2": ["-mavx2", "-mfma"],
           "tile_kernel_avx512": ["-mavx512f", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"],
           "prefilter_kernel_bf16": [*COARSE, "-mavx512bf16"], "prefilter_kernel_int8": [*COARSE, "-mavx512vnni"],
           "prefilter_kernel_tiles": [*COARSE, "-mavx512bf16", "-mavx512vnni", "-mamx-tile", "-mamx-bf16", "-mamx-int8"]}
LIBRARIES = ["-lfmt", "-lsodium", "-lxxhash", "-lpthread"]
RANKS = [16, 32, 64, 128, 256, 512, 1024]
MEASURED_ROWS = (5_000, 40_000)
BUFFERS_A_RANK = 6  # of the all-reduce's size: what a simulated rank holds, measured


def check_environment(arguments):
    missing = [name for name in ("smpicxx", "smpirun") if not shutil.which(name)]
    if missing:
        sys.exit(f"error: {' and '.join(missing)} not found; install SimGrid: apt-get install libsimgrid-dev")
    try:
        import matplotlib, numpy  # noqa: F401
    except ImportError as error:
        sys.exit(f"error: {error.name} not found; apt-get install python3-matplotlib python3-numpy, and use /usr/bin/python3")
    if None in (arguments.rate, arguments.fixed_ms) and not (SOURCE / "build/kohort").exists():
        sys.exit("error: build/kohort not found, which measures the rate; build it, or give --rate and --fixed-ms")
    need = BUFFERS_A_RANK * arguments.most_ranks * buffer_bytes(arguments)
    free = next(1024 * int(line.split()[1]) for line in open("/proc/meminfo", encoding="ascii") if line.startswith("MemAvailable"))
    if need > free:
        sys.exit(f"error: {arguments.most_ranks} ranks need about {need / 1e9:.0f} GB of memory and {free / 1e9:.0f} are free; "
                 "use fewer: --most-ranks")


def buffer_bytes(arguments):
    return 8 * arguments.clusters * (arguments.dimensions + 2) + 32


def build(folder):
    program = folder / "kmeans_simulated"
    common = ["-std=c++20", "-O3", "-fPIC", "-ffp-contract=off", f"-I{SOURCE / 'src'}", f"-I{HERE}"]
    objects = []
    files = [(SOURCE / "src" / name, []) for name in SOURCES]
    files += [(SOURCE / "src/cluster" / (name + ".cpp"), flags + ["-ffp-contract=fast"]) for name, flags in KERNELS.items()]
    files.append((HERE / "kmeans_simulated.cpp", []))
    for path, flags in files:
        target = folder / (path.parent.name + "-" + path.stem + ".o")
        subprocess.run(["smpicxx", *common, *flags, "-c", path, "-o", target], check=True)
        objects.append(target)
    subprocess.run(["smpicxx", *objects, "-o", program, *LIBRARIES], check=True)
    return program


def check_sources(build):
    """Links what a build made of SOURCES and KERNELS: a test that nothing is missing from them, without SimGrid."""
    names = [*SOURCES, *(f"cluster/{name}.cpp" for name in KERNELS)]
    objects = [build / "src" / folder / f"CMakeFiles/kohort_{folder}.dir" / f"{file}.o" for folder, file in (name.split("/") for name in names)]
    with tempfile.TemporaryDirectory() as name:
        linked = subprocess.run(["c++", "-shared", "-Wl,-z,defs", *objects, "-o", pathlib.Path(name) / "linked.so", *LIBRARIES])
    return linked.returncode


def lloyd_records(folder, rows, clusters, columns):
    import numpy
    numpy.save(folder / "rows.npy", numpy.random.default_rng(1).normal(size=(rows, columns)).astype("f4"))
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    shutil.rmtree(folder / "run", ignore_errors=True)
    subprocess.run([SOURCE / "build/kohort", "cluster", "--input", folder / "rows.npy", "--clusters", str(clusters), "--init", "random",
                    "--iterations", "5", "--restarts", "1", "--threads", "1", "--pruning", "off", "--prefilter", "off", "--out",
                    folder / "run", "--log-level", "warning"], check=True, env=environment)
    with open(folder / "run/metrics.jsonl", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return [record for record in records if record["event"] == "lloyd" and record["iteration"] > 0]


def measured_costs(folder, clusters, columns):
    """GF/s of one core, and the seconds of an iteration that do not grow with the rows.

    Each the line through the fastest iterations at two numbers of rows, in alternating rounds: others' work on the
    machine only ever adds. What is done after the rows' pass is a lower bound of the fixed seconds.
    """
    fastest, outside = dict.fromkeys(MEASURED_ROWS, math.inf), []
    for _ in range(4):
        for rows in MEASURED_ROWS:
            for record in lloyd_records(folder, rows, clusters, columns):
                fastest[rows] = min(fastest[rows], record["seconds"] - record["reduce_seconds"])
                outside.append(record["seconds"] - record["assign_seconds"] - record["reduce_seconds"])
    few, many = MEASURED_ROWS
    a_row = (fastest[many] - fastest[few]) / (many - few)
    return 2e-9 * clusters * columns / a_row, max(fastest[few] - few * a_row, statistics.median(outside))


def measured_sum_ns(count):
    import numpy
    left, right, times = numpy.ones(count, "i8"), numpy.ones(count, "i8"), []
    for _ in range(200):
        start = time.perf_counter()
        left += right
        times.append(time.perf_counter() - start)
    return 1e9 * statistics.median(times) / count


def simulated(program, folder, ranks, rows, arguments):
    rate = arguments.rate * 1e9
    result = subprocess.run(["smpirun", "-np", str(ranks), "-platform", folder / "platform.xml", "-hostfile", folder / "hosts",
                             f"--cfg=smpi/host-speed:{rate}", "--cfg=smpi/simulate-computation:no", "--cfg=smpi/coll-selector:ompi",
                             "--log=root.thres:error", program, arguments.all_reduce, str(rows), str(arguments.clusters),
                             str(arguments.dimensions), str(arguments.fixed_ms * 1e-3), str(arguments.sum_ns * 1e-9), str(rate)],
                            capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"error: the simulation of {ranks} ranks failed:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return float(result.stdout.split()[-1])


def ranks_at_half(ranks, times, work):
    """Where strong efficiency falls to 0.5, and whether that lies beyond the simulated ranks.

    What is not work on rows is a parabola in log2 of the ranks for the tree: its root sends that often, the next rank
    once less, and so on. work: seconds of all rows on one core.
    """
    import numpy
    rest = numpy.polyfit(numpy.log2(ranks), [t - work / n for n, t in zip(ranks, times)], 2)
    n = ranks[0]
    while n * (work / n + numpy.polyval(rest, math.log2(n))) < 2 * ranks[0] * times[0] and n < 2**24:
        n *= 1.001
    return n, n > ranks[-1]


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


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, help="GF/s of one core in the distances (default: measured)")
    parser.add_argument("--fixed-ms", type=float, help="milliseconds of an iteration besides (default: measured)")
    parser.add_argument("--sum-ns", type=float, help="nanoseconds of adding two int64 (default: measured)")
    parser.add_argument("--all-reduce", choices=["tree", "blocking"], default="tree")
    parser.add_argument("--clusters", type=int, default=1024)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--rows-a-rank", type=int, default=100_000, help="weak scaling")
    parser.add_argument("--rows", type=int, default=10_000_000, help="strong scaling")
    parser.add_argument("--most-ranks", type=int, default=1024)
    parser.add_argument("--plots", type=pathlib.Path)
    parser.add_argument("--check", type=pathlib.Path, metavar="BUILD", help="only see whether a build's objects link as the simulation needs them")
    arguments = parser.parse_args()
    if not RANKS[0] <= arguments.most_ranks <= RANKS[-1]:
        parser.error(f"--most-ranks: from {RANKS[0]} to {RANKS[-1]}")
    return arguments


def measure_what_is_not_given(arguments, folder):
    if None in (arguments.rate, arguments.fixed_ms):
        rate, fixed_seconds = measured_costs(folder, arguments.clusters, arguments.dimensions)
        arguments.rate = arguments.rate or rate
        arguments.fixed_ms = 1e3 * fixed_seconds if arguments.fixed_ms is None else arguments.fixed_ms
    if arguments.sum_ns is None:
        arguments.sum_ns = measured_sum_ns(buffer_bytes(arguments) // 8)


def main():
    arguments = parse_arguments()
    if arguments.check:
        return check_sources(arguments.check)
    check_environment(arguments)
    ranks = [n for n in RANKS if n <= arguments.most_ranks]
    build_folder = SOURCE / "build-simulate"
    build_folder.mkdir(exist_ok=True)
    program = build(build_folder)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        measure_what_is_not_given(arguments, folder)
        (folder / "platform.xml").write_text(PLATFORM.format(speed=arguments.rate * 1e9))
        (folder / "hosts").write_text("".join(f"node-{i}\n" for i in range(1024)))
        print(f"k={arguments.clusters}, d={arguments.dimensions}; a core: {arguments.rate:.1f} GF/s, {arguments.fixed_ms:.2f} ms an "
              f"iteration besides, {arguments.sum_ns:.2f} ns a sum; all-reduce ({arguments.all_reduce}) of "
              f"{buffer_bytes(arguments) / 1e6:.1f} MB\nfat tree, one rank a node, 32 nodes and 16 uplinks a switch, 100 Gb/s and "
              "1 us a link")
        print("| ranks | weak: s an iteration | efficiency | strong: s an iteration | efficiency |\n|---|---|---|---|---|")
        weak, strong = [], []
        for n in ranks:
            weak.append(simulated(program, folder, n, arguments.rows_a_rank, arguments))
            strong.append(simulated(program, folder, n, arguments.rows / n, arguments))
            print(f"| {n:,} | {weak[-1]:.4f} | {weak[0] / weak[-1]:.3f} | {strong[-1]:.5f} | "
                  f"{strong[0] * ranks[0] / (strong[-1] * n):.3f} |", flush=True)
    if len(ranks) > 2:
        work = 2e-9 * arguments.rows * arguments.clusters * arguments.dimensions / arguments.rate
        half, beyond = ranks_at_half(ranks, strong, work)
        print(f"Strong efficiency falls to 0.5 at about {half:,.0f} ranks" +
              (f" (extrapolated: at {ranks[-1]:,} simulated it is {strong[0] * ranks[0] / (strong[-1] * ranks[-1]):.3f})." if beyond else "."))
    if arguments.plots:
        plot(arguments.plots / "simulated-weak.svg", f"{arguments.rows_a_rank:,} rows a rank", ranks, [weak[0] / t for t in weak], "efficiency")
        plot(arguments.plots / "simulated-strong.svg", f"{arguments.rows:,} rows", ranks,
             [strong[0] * ranks[0] / (t * n) for n, t in zip(ranks, strong)], "efficiency")


if __name__ == "__main__":
    sys.exit(main())
