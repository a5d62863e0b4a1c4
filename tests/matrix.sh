#!/usr/bin/env bash
# Runs tests with several versions of Python, each with the lowest and with the
# newest versions of the dependencies that pyproject.toml allows.
#
#   tests/matrix.sh                  # Python 3.11 to 3.14, a sample of tests
#   tests/matrix.sh --all            # all tests but those marked slow
#   tests/matrix.sh 3.12 /opt/py314/bin/python3
#
# Needs uv (`pip install uv`), which also downloads a Python that is missing if
# it can. Environments and logs are kept in the folder MATRIX (default:
# .matrix); an environment that is there is brought up to date. The last lines
# are a table for docs/versions.md.
#
# Exit status: 0 if all passed, 1 if one failed, 2 if none failed but one could
# not be tried, because there is no such Python.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# They load every package of seld_jax; read, score, train, resume and predict.
sample=(
  tests/house/layering_test.py
  tests/audio/sound_files_test.py
  tests/config/config_test.py
  tests/evaluate/evaluate_test.py
  tests/features/bands_test.py
  tests/features/options_test.py
  tests/figures/errors_test.py
  tests/labels/csv_files_test.py
  tests/losses/every_loss_test.py
  tests/metrics/dcase2024_test.py
  tests/prediction/export_file_test.py
  tests/published/baselines_test.py
  tests/report/page_test.py
  tests/runs/contents_test.py
  tests/scenes/rooms_test.py
  tests/trackers
  tests/train/loop_resume_test.py
)
# The table shows the versions of these.
shown=(jax flax optax orbax-checkpoint numpy scipy matplotlib)

pythons=()
for word in "$@"; do
  case "$word" in
    --all) sample=(tests) ;;
    -*)
      echo "error: $word is unknown; usage: tests/matrix.sh [--all] [PYTHON]..." >&2
      exit 64
      ;;
    *) pythons+=("$word") ;;
  esac
done
[[ ${#pythons[@]} -gt 0 ]] || pythons=(3.11 3.12 3.13 3.14)

uv=${UV:-uv}
if ! command -v "$uv" >/dev/null; then
  echo "error: $uv is missing; install it (\`pip install uv\`), or set UV." >&2
  exit 64
fi
folder=${MATRIX:-.matrix}
mkdir -p "$folder"
export JAX_PLATFORMS=cpu
unset VIRTUAL_ENV PYTHONPATH

# Makes an environment; the arguments are its folder, Python and resolution.
install() {
  local python=$1/bin/python
  [[ -x "$python" ]] || "$uv" venv --python "$2" "$1" || return
  # Old versions of some libraries have no wheel for a new Python; the lowest
  # version that has one is taken.
  "$uv" pip install --python "$python" --only-binary :all: \
    --resolution "$3" --upgrade --requirements pyproject.toml --extra test &&
    "$uv" pip install --python "$python" --no-deps --reinstall .
}

# The installed versions, one word each.
versions() {
  "$1" - "${shown[@]}" <<'END'
import importlib.metadata, platform, sys
names = sys.argv[1:]
found = [f'{name} {importlib.metadata.version(name)}' for name in names]
print(platform.python_version(), *found, sep='|')
END
}

status=0
rows=()
for name in "${pythons[@]}"; do
  for resolution in lowest-direct highest; do
    label=${name//\//_}-${resolution%-direct}
    environment=$folder/$label log=$folder/$label.log
    python=$environment/bin/python
    echo "$name, $resolution: see $log"
    if ! "$uv" python find "$name" >"$log" 2>&1 &&
      ! "$uv" python install "$name" >>"$log" 2>&1; then
      rows+=("| $name | ${resolution%-direct} | | not tried: no such Python |")
      [[ $status -eq 1 ]] || status=2
      continue
    fi
    if ! install "$environment" "$name" "$resolution" >>"$log" 2>&1; then
      rows+=("| $name | ${resolution%-direct} | | **not installed** |")
      status=1
      continue
    fi
    if "$python" -m pytest -v -n "${JOBS:-2}" -p no:cacheprovider \
      "${sample[@]}" >>"$log" 2>&1; then
      result=passed
    else
      result='**failed**' status=1
    fi
    found=$(versions "$python")
    count=$(tail -n 1 "$log" | tr -d '=' | sed 's/^ *//; s/ *$//')
    libraries=${found#*|}
    rows+=("| ${found%%|*} | ${resolution%-direct} | ${libraries//|/, } | $result: $count |")
  done
done

echo
echo '| Python | dependencies | of them | result |'
echo '|---|---|---|---|'
printf '%s\n' "${rows[@]}"
exit $status
