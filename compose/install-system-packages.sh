#!/bin/sh
# Installs the system packages without which `python -m venv` cannot work, or the browser that tests drive; does
# nothing where they are. Usage: install-system-packages.sh [PYTHON]   (empty: no suitable Python was found)
#                                install-system-packages.sh --browser
set -eu

python=${1:-}
if [ "$python" = --browser ]; then
  if command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1; then
    exit 0
  fi
elif [ -n "$python" ] && "$python" -c 'import ensurepip' 2>/dev/null; then
  exit 0
fi

if ! command -v apt-get >/dev/null 2>&1; then
  needed="Python 3.11 or 3.12 with its venv module is"
  [ "$python" != --browser ] || needed="Chromium (for tests of the dashboard) is"
  echo "set-up: $needed needed; install it with your package manager" >&2
  exit 1
fi

packages="python3 python3-venv ca-certificates"
if [ "$python" = --browser ]; then
  packages="chromium"
elif [ -n "$python" ]; then
  # Debian ships ensurepip apart from each interpreter.
  packages="$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])') ca-certificates"
fi

root=
if [ "$(id -u)" -ne 0 ]; then
  root=sudo
fi
echo "set-up: installing with apt-get: $packages${root:+ (sudo may ask for your password)}"
$root apt-get update -qq
# Words are wanted here: one argument a package.
# shellcheck disable=SC2086
$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
