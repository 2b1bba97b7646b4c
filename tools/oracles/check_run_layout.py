#!/usr/bin/python3
"""Checks with h5py, and with anndata where it is installed, that RUN/kohort.h5 shows what its partitions hold.

Usage: check_run_layout.py RUN
Prints one line for each thing that was checked; exit code 1 for a difference, 77 where h5py is missing.
"""
import glob
import os
import sys

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SOURCES = {
    "obs/_index": "corpus",
    "obs/segment": "segment",
    "obs/second": "segment",
    "obs/distance": "segment",
    "obs/margin": "segment",
    "obsm/embedding": "embedding",
    "obsm/map": "segment",
}


def require(condition, what):
    if not condition:
        print(f"wrong: {what}")
        sys.exit(1)


def encoding(thing):
    return thing.attrs["encoding-type"], thing.attrs["encoding-version"]


def stored_parts(run, folder, name):
    parts = []
    for path in sorted(glob.glob(os.path.join(run, folder, "part-*.h5"))):
        with h5py.File(path, "r") as file:
            require(file.attrs["kohort_format"] == 1, f"kohort_format of {path}")
            require(isinstance(file.attrs["kohort_key"], str), f"kohort_key of {path}")
            dataset = file[name]
            require(dataset.chunks is not None and dataset.fletcher32, f"{path} {name} is chunked with fletcher32")
            parts.append(dataset[()])
    return np.concatenate(parts)


def check_with_h5py(run):
    with h5py.File(os.path.join(run, "kohort.h5"), "r") as file:
        require(encoding(file) == ("anndata", "0.1.0"), "encoding of the root")
        require(encoding(file["obs"]) == ("dataframe", "0.2.0"), "encoding of obs")
        require(file["obs"].attrs["_index"] == "_index", "_index of obs")
        columns = [name for name in file["obs"] if name != "_index"]
        require(list(file["obs"].attrs["column-order"]) == columns, "column-order of obs")
        for group in ("obsm", "uns"):
            require(encoding(file[group]) == ("dict", "0.1.0"), f"encoding of {group}")
        for name, folder in SOURCES.items():
            dataset = file[name]
            kind = "string-array" if name == "obs/_index" else "array"
            require(encoding(dataset) == (kind, "0.2.0"), f"encoding of {name}")
            expected = stored_parts(run, folder, name)
            require(dataset.is_virtual == (len(expected) > 0), f"{name} is virtual")
            require(dataset.dtype == expected.dtype and dataset.shape == expected.shape, f"shape and type of {name}")
            require(np.array_equal(dataset[()], expected), f"values of {name}")
            print(f"{name} {dataset.dtype} {dataset.shape}")
        string = h5py.check_string_dtype(file["obs/_index"].dtype)
        require(string.encoding == "utf-8" and string.length is not None, "ids are fixed-length UTF-8")
        if "tag" in file["obs"]:
            tag = file["obs/tag"]
            require(encoding(tag) == ("categorical", "0.2.0") and not tag.attrs["ordered"], "encoding of obs/tag")
            require(np.array_equal(tag["codes"][()], file["obs/segment"][()]), "codes of obs/tag")
            print("categories " + "|".join(tag["categories"].asstr()[()]))
        if "centroids" in file["uns"]:
            with h5py.File(os.path.join(run, "segment", "centroids.h5"), "r") as centroids:
                require(np.array_equal(file["uns/centroids"][()], centroids["centroids"][()]), "centroids")
            print("centroids equal")


def check_with_anndata(run):
    try:
        import anndata
    except ImportError:
        print("anndata is not installed")
        return
    data = anndata.read_h5ad(os.path.join(run, "kohort.h5"))
    ids = stored_parts(run, "corpus", "obs/_index")
    require([name.encode() for name in data.obs_names] == list(ids), "anndata's names of observations")
    require(np.array_equal(data.obsm["embedding"], stored_parts(run, "embedding", "obsm/embedding")), "anndata's vectors")
    require(np.array_equal(data.obs["segment"], stored_parts(run, "segment", "obs/segment")), "anndata's segments")
    if "tag" in data.obs:
        categories = list(data.obs["tag"].cat.categories)
        require([categories[code] for code in data.obs["segment"]] == list(data.obs["tag"]), "anndata's tags")
    print(f"anndata {data.n_obs} x {data.obsm['embedding'].shape[1]}")


if __name__ == "__main__":
    check_with_h5py(os.path.abspath(sys.argv[1]))
    check_with_anndata(os.path.abspath(sys.argv[1]))
