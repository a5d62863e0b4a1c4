#!/usr/bin/env bash
# Sets up an environment and runs the main job, or the tests.
#
#   ./run.sh                    trains configs/quick.py, from scenes to report
#   ./run.sh --config=... ...   any other run; arguments go to seld_jax.main
#   ./run.sh test [slow]        the tests; with slow, those marked slow, too
#
# PYTHON names the interpreter (3.11 or newer), VENV the environment (.venv).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

find_python() {
  local name
  for name in "${PYTHON:-}" python3 python3.11 python3.12 python3.13 python; do
    if [[ -n "$name" ]] && command -v "$name" >/dev/null &&
      "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
        2>/dev/null; then
      echo "$name"
      return
    fi
  done
  echo 'error: Python 3.11 or newer is needed; set PYTHON to its path.' >&2
  return 1
}

# Installs when anything that decides what is installed has changed.
set_up() {
  local extras=$1 python stamp
  if [[ ! -x "$venv/bin/python" ]]; then
    python=$(find_python)
    echo "making $venv with $("$python" --version)"
    "$python" -m venv "$venv"
  fi
  stamp=$(cat pyproject.toml; find seld_jax -name '*.py' -exec cksum {} + | sort)
  stamp="$extras $(printf '%s' "$stamp" | cksum)"
  if [[ "$(cat "$venv/.installed" 2>/dev/null)" != "$stamp" ]]; then
    echo "installing seld_jax$extras and what it needs into $venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
      ".$extras"
    echo "$stamp" >"$venv/.installed"
  fi
}

venv=${VENV:-.venv}

if [[ "${1:-}" == test ]]; then
  set_up '[test]'
  "$venv/bin/python" -m pytest
  if [[ "${2:-}" == slow ]]; then
    "$venv/bin/python" -m pytest -m slow
  fi
  exit
fi

set_up ''
arguments=("$@")
if [[ ! " $*" =~ \ --?config[=\ ] && "${*: -1}" != --config ]]; then
  arguments=(--config=configs/quick.py "$@")
fi
exec "$venv/bin/python" -m seld_jax.main "${arguments[@]}"
