#!/usr/bin/env bash
# Installs what Kohort builds and tests with, from Debian 12's own packages. Quick when everything is there.
set -euo pipefail
export PATH="${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"

packages=(
  # compiler and build
  g++ binutils cmake ninja-build ccache mold pkg-config git ca-certificates
  # the program's libraries (README says why each is there); OpenBLAS, because LibTorch on Debian's default
  # reference BLAS is forty times slower
  libtorch-dev libopenblas0-pthread libdnnl-dev libopenmpi-dev openmpi-bin libhdf5-dev
  libboost-program-options-dev libfmt-dev libspdlog-dev nlohmann-json3-dev libsimdjson-dev
  libjemalloc-dev libsodium-dev libxxhash-dev libicu-dev libutf8proc-dev zlib1g-dev libzstd-dev
  # tests, and the oracles they compare with
  libgtest-dev libgmock-dev python3 python3-venv python3-torch python3-sklearn python3-faiss python3-h5py procps
  # a two-node Slurm on this machine for the tests of the batch scripts
  slurm-wlm munge
)

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "error: packages are missing (${missing[*]}): run tools/setup.sh as root, or install sudo" >&2; exit 4; }
  as_root=(sudo)
fi
echo "setup: installing ${#missing[@]} Debian packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# RUNLEVEL=1: where services start by init scripts, those of Slurm are not to start (they would fail, unconfigured).
if ! { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
       "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "error: apt-get could not install the packages named above; the last lines of its output precede this one" >&2
  exit 4
fi
echo "setup: done"
