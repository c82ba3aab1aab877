#!/bin/sh
# Makes .venv and installs exactly what requirements.lock names, then this checkout. Run by make.
set -eu
cd "$(dirname "$0")/.."

usable() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null
}

# Prints the first usable interpreter; fails when there is none.
find_python() {
  for candidate in python3.11 python3.12 python3; do
    if usable "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

if ! usable .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  python=$(find_python) || python=
  compose/install-system-packages.sh "$python"
  python=${python:-$(find_python)} || {
    echo "set-up: no Python 3.11 or 3.12 was found; install one and run make again" >&2
    exit 1
  }
  echo "set-up: making .venv with $("$python" --version)"
  rm -rf .venv
  "$python" -m venv .venv
fi

with_uv() {
  .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION" &&
    .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes --no-deps \
      -r requirements.lock &&
    .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
}

with_pip() {
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
    -r requirements.lock &&
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
}

echo "set-up: installing requirements.lock"
if ! with_uv; then
  echo "set-up: uv failed, installing the same lock with pip (slower)"
  with_pip
fi
echo "set-up: done"
