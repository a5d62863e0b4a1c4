#!/usr/bin/env bash
# Installs seld_jax into an environment and trains a system, or runs the tests.
#
#   ./run.sh                    renders scenes, trains configs/quick.py, reports
#   ./run.sh --config=... ...   another run; the flags are those of seld_jax.main
#   ./run.sh test [slow]        the tests; with slow, also those marked slow
#
# Environment variables: PYTHON, the interpreter (3.11 or newer); VENV, the
# folder of the environment (default .venv).
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

# Installs again only if pyproject.toml or the source code has changed.
set_up() {
  local extras=$1 python stamp
  if [[ ! -x "$venv/bin/python" ]]; then
    python=$(find_python)
    echo "making $venv with $("$python" --version)"
    "$python" -m venv "$venv"
  fi
  stamp=$(cat pyproject.toml; find seld_jax configs -type f ! -name '*.pyc' -exec cksum {} + | sort)
  stamp="$extras $(printf '%s' "$stamp" | cksum)"
  if [[ "$(cat "$venv/.installed" 2>/dev/null)" != "$stamp" ]]; then
    echo "installing seld_jax$extras and its dependencies into $venv"
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
