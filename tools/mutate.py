"""Mutation testing with a fixed list of faults; see mutate.sh."""
import os
import pathlib
import shutil
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
LIST = SOURCE / "tools" / "mutations.txt"
FIELDS = ("fault", "file", "find", "replace", "program", "test")
OPTIONAL = ("needs",)  # a flag of /proc/cpuinfo, without which the fault changes nothing
COPY = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / "kohort-mutate"


def read_faults():
    """Blocks of `field: value` lines, separated by empty lines; lines that start with # are comments."""
    faults = []
    for block in LIST.read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        fault = dict(line.split(": ", 1) for line in lines)
        if tuple(fault) not in (FIELDS, FIELDS + OPTIONAL):
            sys.exit(f"error: {LIST}: a block has the fields {', '.join(fault)} instead of {', '.join(FIELDS)}")
        faults.append(fault)
    return faults


def copy_source():
    """The last commit in COPY; unchanged files keep their times, so that little is built again."""
    fresh = COPY / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    archive = subprocess.run(["git", "-C", SOURCE, "archive", "HEAD"], check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "-C", fresh], input=archive, check=True)
    tree = COPY / "source"
    wanted = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    for path in [path for path in tree.rglob("*") if path.is_file() and "build" not in path.relative_to(tree).parts[:1]]:
        if path.relative_to(tree) not in wanted:
            path.unlink()
    for name in wanted:
        target = tree / name
        if not target.exists() or target.read_bytes() != (fresh / name).read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(fresh / name, target)
    shutil.rmtree(fresh)
    return tree


def run(tree, command, limit):
    environment = dict(os.environ, KOHORT_SHARED=os.environ.get("KOHORT_SHARED", str(SOURCE.parent / "shared")),
                       KOHORT_SOURCE=str(tree), KOHORT=str(tree / "build/kohort"),
                       OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_rmaps_base_oversubscribe="1")
    try:
        return subprocess.run(command, cwd=tree, env=environment, timeout=limit, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(command, -1, f"no end after {limit} s\n{late.output or ''}")


def build(tree, program):
    result = run(tree, ["cmake", "--build", "build", "--target", program], 1800)
    return "" if result.returncode == 0 else result.stdout[-2000:]


def test(tree, fault):
    """(the test noticed something, what it said)"""
    if fault["program"] == "kohort":
        result = run(tree, ["bash", f"tests/e2e/{fault['test']}_test.sh"], 400)
        return result.returncode not in (0, 77), result.stdout
    path = next((tree / "build/tests").rglob(fault["program"]))
    result = run(tree, [str(path), f"--gtest_filter={fault['test']}", "--gtest_brief=1"], 300)
    ran = " 0 tests from 0 test suites" not in result.stdout and "SKIPPED" not in result.stdout
    if not ran:
        sys.exit(f"error: {fault['program']} has no test {fault['test']}, or skips it:\n{result.stdout[-500:]}")
    return result.returncode != 0, result.stdout


def plant(tree, fault):
    path = tree / fault["file"]
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text.count(fault["find"]) != 1:
        return None
    path.write_text(text.replace(fault["find"], fault["replace"]), encoding="utf-8")
    return path, text


def main():
    faults = read_faults()
    if "--list" in sys.argv[1:]:
        for fault in faults:
            print(f"{fault['fault']}: {fault['file']}; {fault['program']} {fault['test']}")
        return 0
    wanted = sys.argv[1:]
    if unknown := set(wanted) - {fault["fault"] for fault in faults}:
        sys.exit(f"error: no fault is called {', '.join(sorted(unknown))}; --list shows all")
    faults = [fault for fault in faults if not wanted or fault["fault"] in wanted]
    flags = set(pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    for fault in [fault for fault in faults if fault.get("needs", "") not in {"", *flags}]:
        print(f"left out  {fault['fault']}: this processor has no {fault['needs']}", flush=True)
        faults.remove(fault)
    tree = copy_source()
    subprocess.run(["cmake", "--preset", "release"], cwd=tree, check=True, stdout=subprocess.DEVNULL)
    programs = sorted({fault["program"] for fault in faults})
    print(f"building {', '.join(programs)} without faults", flush=True)
    for program in programs:
        if said := build(tree, program):
            sys.exit(f"error: the source does not build without a fault\n{said}")
    for fault in faults:
        noticed, said = test(tree, fault)
        if noticed:
            sys.exit(f"error: {fault['program']} {fault['test']} fails without a fault\n{said[-2000:]}")

    caught = 0
    for fault in faults:
        start = time.time()
        planted = plant(tree, fault)
        if planted is None:
            print(f"STALE     {fault['fault']}: the line is not in {fault['file']} exactly once", flush=True)
            continue
        try:
            said = build(tree, fault["program"])
            noticed = not said and test(tree, fault)[0]
        finally:
            planted[0].write_text(planted[1], encoding="utf-8")
        verdict = "NO BUILD " if said else "caught   " if noticed else "SURVIVED "
        caught += noticed
        print(f"{verdict} {fault['fault']} by {fault['program']} {fault['test']} ({time.time() - start:.0f} s)", flush=True)
        if said:
            print(said, flush=True)
    print(f"{caught} of {len(faults)} faults caught")
    return 0 if caught == len(faults) else 1


if __name__ == "__main__":
    sys.exit(main())
