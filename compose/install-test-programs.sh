#!/bin/sh
# Puts the programs that tests run into .venv/bin: this machine's own, else those of Debian's packages, unpacked
# and not installed. Nothing else changes and no service starts. Run by make.
set -eu
cd "$(dirname "$0")/.."
into=.venv/bin

root=
if [ "$(id -u)" -ne 0 ]; then
  root=sudo
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# apt fetches as a user of its own.
chmod 777 "$folder"

fetch() {
  (cd "$folder" && apt-get download -qq "$1" >/dev/null)
}

# bring PACKAGE FOLDER PROGRAM...: FOLDER is where the package keeps them.
bring() {
  package=$1 kept=$2
  shift 2
  missing=
  for program in "$@"; do
    if [ -x "$into/$program" ]; then
      continue
    elif own=$(command -v "$program"); then
      ln -sf "$own" "$into/"
    else
      missing="$missing $program"
    fi
  done
  if [ -z "$missing" ]; then
    return
  fi
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "set-up: the tests run$missing; install it with your package manager" >&2
    exit 1
  fi
  echo "set-up: unpacking$missing from Debian's package $package"
  fetch "$package" 2>/dev/null || {
    $root apt-get update -qq
    fetch "$package"
  }
  dpkg-deb -x "$folder/${package}"_*.deb "$folder/$package"
  for program in $missing; do
    mv "$folder/$package/$kept/$program" "$into/"
  done
}

bring prometheus usr/bin promtool prometheus
bring nginx usr/sbin nginx
