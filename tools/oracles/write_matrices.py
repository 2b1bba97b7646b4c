#!/usr/bin/python3
"""Writes matrices of many kinds with numpy and h5py, for the tests of Kohort's readers.

Usage: write_matrices.py FOLDER
Each good file NAME has the same numbers as little-endian float32 in NAME.expected. Exit code 77 without h5py.
"""
import os
import sys

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def main(folder):
    os.makedirs(folder, exist_ok=True)

    def expect(name, values):
        values.astype("<f4").tofile(os.path.join(folder, name + ".expected"))

    every_half = np.arange(65536, dtype=np.uint16).view(np.float16).reshape(256, 256)
    random = np.random.default_rng(7)
    single = random.standard_normal((1000, 33)).astype(np.float32)
    double = random.standard_normal((77, 5)) * 1e3
    good = {"half": every_half, "single": single, "double": double, "empty": np.zeros((0, 4), np.float32)}
    for name, values in good.items():
        np.save(os.path.join(folder, name + ".npy"), values)
        expect(name + ".npy", values)
    for version in ((2, 0), (3, 0)):
        name = f"version{version[0]}.npy"
        with open(os.path.join(folder, name), "wb") as file:
            np.lib.format.write_array(file, single, version=version)
        expect(name, single)

    np.save(os.path.join(folder, "bad_fortran.npy"), np.asfortranarray(single))
    np.save(os.path.join(folder, "bad_integers.npy"), np.arange(12).reshape(3, 4))
    np.save(os.path.join(folder, "bad_big_endian.npy"), single.astype(">f4"))
    np.save(os.path.join(folder, "bad_cube.npy"), single.reshape(10, 100, 33))
    np.save(os.path.join(folder, "vector.npy"), single[0])  # one column
    expect("vector.npy", single[0])

    # More than 2^32 elements of which the last rows alone take room: places past 2^31 and 2^32 are the right ones.
    rows = 2**32 // 16 + 100
    tail = random.standard_normal((10, 16)).astype(np.float16)
    large = np.lib.format.open_memmap(os.path.join(folder, "large.npy"), "w+", np.float16, (rows, 16))
    large[-10:] = tail
    del large
    with h5py.File(os.path.join(folder, "large.h5"), "w") as file:
        file.create_dataset("x", (rows, 16), np.float16, chunks=(2**16, 16))[-10:] = tail
    expect("large_tail", tail)

    with open(os.path.join(folder, "bad_text.npy"), "w") as file:
        file.write("id,vector\n1,2.0\n")
    whole = open(os.path.join(folder, "single.npy"), "rb").read()
    for name, length in (("bad_cut_data.npy", len(whole) - 1), ("bad_cut_header.npy", 50), ("bad_cut_magic.npy", 5)):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(whole[:length])

    with h5py.File(os.path.join(folder, "matrices.h5"), "w") as file:
        for name, values in good.items():
            file.create_dataset("group/" + name, data=values, compression="gzip" if values.size else None)
            expect("group_" + name, values)
        file["vector"] = single[0]
        file["integers"] = np.arange(12).reshape(3, 4)
    blocks = h5py.VirtualLayout((1000, 33), np.float32)
    for first, last in ((0, 1), (1, 400), (400, 1000)):
        with h5py.File(os.path.join(folder, f"source-{first}.h5"), "w") as file:
            file["x"] = np.concatenate([np.full((3, 33), -1, np.float32), single[first:last]])
        blocks[first:last] = h5py.VirtualSource(f"source-{first}.h5", "x", (3 + last - first, 33))[3:]
    gap = h5py.VirtualLayout((1001, 33), np.float32)
    gap[0:1] = h5py.VirtualSource("source-0.h5", "x", (4, 33))[3:]
    halves = h5py.VirtualLayout((4, 66), np.float32)
    for half in range(2):
        halves[:, 33 * half : 33 * half + 33] = h5py.VirtualSource("source-0.h5", "x", (4, 33))
    with h5py.File(os.path.join(folder, "virtual.h5"), "w") as file:
        file.create_virtual_dataset("blocks", blocks)
        file.create_virtual_dataset("gap", gap)
        file.create_virtual_dataset("halves", halves)
    expect("virtual_blocks", single)


if __name__ == "__main__":
    main(sys.argv[1])
