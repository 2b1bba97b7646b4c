#!/usr/bin/env bash
# Builds everything with CUDA and NCCL against LibTorch 2.11 for CUDA 13 into build-gpu/, and runs the tests that need
# no GPU. The libraries come from Python wheels: neither a GPU nor a CUDA toolkit is needed, so the GPU code cannot
# rot on machines without one. Where a GPU is present its tests run too.
# The wheels (about 4 GB) are kept outside the source and used again. Arguments go to ctest. Environment:
#   KOHORT_TORCH_VENV    where the wheels are kept (default: the user's cache folder)
#   KOHORT_TORCH_WHEEL   a site-packages folder to use as it is; then nothing is installed
set -euo pipefail
cd "$(dirname "$0")/.."

readonly torch_version=2.11.0
# Pinned to what this torch asks for. Left out are triton and all pure Python packages, which C++ has no use for;
# added is cuda-crt, whose headers the CUDA runtime's own headers include.
readonly wheels=(
  "torch==$torch_version"
  nvidia-nccl-cu13==2.28.9
  nvidia-cuda-runtime==13.0.96
  nvidia-cuda-crt==13.0.88
  nvidia-cuda-cupti==13.0.85
  nvidia-cuda-nvrtc==13.0.88
  nvidia-cublas==13.1.0.3
  nvidia-cudnn-cu13==9.19.0.56
  nvidia-cufft==12.0.0.61
  nvidia-cufile==1.15.1.6
  nvidia-curand==10.4.0.35
  nvidia-cusolver==12.0.4.66
  nvidia-cusparse==12.6.3.3
  nvidia-cusparselt-cu13==0.8.0
  nvidia-nvjitlink==13.0.88
  nvidia-nvshmem-cu13==3.4.5
)
venv=${KOHORT_TORCH_VENV:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/kohort/torch-$torch_version}
log=$venv.log
build=build-gpu

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 4
}

step() { printf '[gpu build %4d s] %s\n' "$SECONDS" "$*"; }

# Installs one wheel; a broken connection gets two more chances.
install_wheel() {
  local attempt
  for attempt in 1 2 3; do
    if "$venv/bin/python" -m pip install --no-deps --no-compile --no-cache-dir --only-binary :all: \
         --disable-pip-version-check --progress-bar off "$1" >>"$log" 2>&1; then
      return
    fi
    if ((attempt < 3)); then
      step "trying $1 again"
      sleep $((attempt * 10))
    fi
  done
  fail "cannot install $1: $(grep -i error "$log" | tail -n 1 | sed 's,^ERROR: ,,' || true) (all of it: $log)"
}

# Fills the folder $venv, or finds it filled. The stamp is written last and holds the list of wheels, so an
# interrupted or outdated folder is completed instead of trusted.
prepare_wheels() {
  local wheel
  local -r need_kb=$((5 * 1024 * 1024))
  mkdir -p "$(dirname "$venv")" || fail "cannot write to $(dirname "$venv")"
  exec 9>"$venv.lock"
  flock 9  # two runs at once must not install into each other
  if [[ ! -x $venv/bin/python || ! -f $venv/complete || $(<"$venv/complete") != "${wheels[*]}" ]]; then
    if [[ ! -d $venv ]] && (($(df -Pk "$(dirname "$venv")" | awk 'NR == 2 { print $4 }') < need_kb)); then
      fail "less than 5 GB free at $(dirname "$venv"); set KOHORT_TORCH_VENV to another place"
    fi
    step "wheels: filling $venv (about 4 GB, once)"
    : >"$log"
    # Made anew where it does not run: it is of no use after its python was upgraded or removed.
    if ! "$venv/bin/python" -m pip --version >>"$log" 2>&1; then
      rm -rf "$venv"
      /usr/bin/python3 -m venv "$venv" >>"$log" 2>&1 || fail "cannot make the virtual environment $venv (see $log)"
    fi
    rm -f "$venv/complete"
    for wheel in "${wheels[@]}"; do
      step "wheels: $wheel"
      install_wheel "$wheel"
    done
    printf '%s\n' "${wheels[*]}" >"$venv/complete"
  fi
  exec 9>&-
}

tools/setup.sh
if [[ -n ${KOHORT_TORCH_WHEEL:-} ]]; then
  site=$KOHORT_TORCH_WHEEL
else
  prepare_wheels
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
fi
step "wheels: $site"

mkdir -p "$build"
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release "-DKOHORT_TORCH_WHEEL=$site" >"$build/configure.log" 2>&1 ||
  { tail -n 30 "$build/configure.log" >&2; fail "cmake could not configure $build; its last lines precede this one"; }
grep '^-- GPU build' "$build/configure.log"
# One job a core, but none with less than 3 GiB of memory: LibTorch 2's headers are heavier still.
jobs=$(awk -v cores="$(nproc)" '/MemAvailable/ { fit = int($2 / 3145728); print (fit < 1 ? 1 : (fit < cores ? fit : cores)) }' /proc/meminfo)
step "building, $jobs jobs"
cmake --build "$build" --parallel "$jobs"

# Whether NCCL is called shows only here: without it the program would still run on CPUs.
needed=$(readelf -d "$build/kohort") called=$(nm -D --undefined-only "$build/kohort")
for library in libnccl.so.2 libtorch_cuda.so; do
  [[ $needed == *"[$library]"* ]] || fail "$build/kohort does not need $library"
done
[[ $called == *" ncclAllReduce"* ]] || fail "$build/kohort does not call NCCL's all-reduce"
step "kohort needs libnccl.so.2 and libtorch_cuda.so, and calls ncclAllReduce"

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
run_tests() { ctest --test-dir "$build" --no-tests=error --output-on-failure "$@"; }
step "tests without a GPU"
run_tests -LE gpu -j "$(nproc)" "$@"
if nvidia-smi -L >/dev/null 2>&1; then
  step "tests with a GPU"
  run_tests -L gpu "$@"
else
  step "no GPU here: its tests are left out"
fi
step "done"
