#!/usr/bin/env bash
# What needs a GPU, in at most eight minutes: the tests marked `cuda`, the quickstart, CIFAR-10 for as
# long as is left, a pool of 32 innocents with vmap, PGD. Every part writes a file with its seconds and
# its exit code; `summary.txt` says when and on what; event files and figures are packed beside them.
#
#   OUT=FOLDER benchmarks/gpu.sh       # with CUDA; data sets are looked for in $ARENA_DATA
#   benchmarks/gpu.sh --dry FOLDER     # without: every part for a moment, on the CPU
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

device=cuda
if [ "${1:-}" = --dry ]; then
  device=cpu
  shift
fi
out=${1:-${OUT:-}}
if [ -z "$out" ]; then
  echo "expected a folder for what comes out, found none; try OUT=gpu benchmarks/gpu.sh" >&2
  exit 2
fi
if ! python3 -c 'import importlib.metadata as of; of.version("copyright-arena")' 2> /dev/null; then
  echo "expected the arena installed, found none; try pip install --no-deps ." >&2
  exit 2
fi
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 2
ARENA_DATA=${ARENA_DATA:-$PWD/shared/data}
export ARENA_DATA PYTHONUNBUFFERED=1
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT

say() { echo "$*" | tee -a "$out/summary.txt"; }

# part NAME SECONDS COMMAND...: run it for so long at most; its output goes to NAME.txt.
part() {
  local name=$1 limit=$2 began=$SECONDS code
  shift 2
  timeout --signal=INT --kill-after=10 "$limit" "$@" > "$out/$name.txt" 2>&1
  code=$?
  say "$name: exit code $code after $((SECONDS - began)) s (at most $limit): $*"
  tail -n 3 "$out/$name.txt" | sed 's/^/    /' | tee -a "$out/summary.txt"
}

# has NAME: whether a data set lies in $ARENA_DATA.
has() { compgen -G "$ARENA_DATA/$1*" > /dev/null; }

: > "$out/summary.txt"
say "$(date --utc '+%Y-%m-%d %H:%M UTC'), $(git rev-parse --short HEAD 2> /dev/null || echo 'no commit')"
say "$(nvidia-smi --query-gpu=name,memory.total --format=csv,noheader 2> /dev/null || echo 'no GPU')"
say "$(lscpu | sed -n 's/^Model name: *//p'), $(nproc --all) cores"
say "$(python3 -c 'import platform, torch; print("Python", platform.python_version(), "torch", torch.__version__)')"

short=(--dry-run)
if [ "$device" = cuda ]; then short=(); fi
mapfile -t files < <(grep -rl 'mark\.cuda' tests)
part tests 45 python3 -m pytest -q -m cuda "${files[@]}"
part pgd 30 python3 -m benchmarks.deepjudge.pgd --device "$device"
part quickstart 160 python3 -m arena run quickstart --device "$device" --out "$runs/quickstart" "${short[@]}"
if has mnist; then
  part pool 115 python3 -m benchmarks.training.pool
else
  say "pool: no MNIST in $ARENA_DATA"
fi
if has cifar10; then
  part cifar10 120 python3 -m arena run cifar10 --device "$device" --out "$runs/cifar10" "${short[@]}" \
    --set task.recipe.epochs=8 --set innocents.calibration_same=2 --set innocents.calibration_other=2 \
    --set innocents.reporting_same=2 --set innocents.reporting_other=2
  if [ "$device" = cuda ]; then python3 -m arena tensorboard "$runs/cifar10" >> "$out/cifar10.txt" 2>&1; fi
else
  say "cifar10: no CIFAR-10 in $ARENA_DATA"
fi
views=()
while IFS= read -r folder; do views+=("$folder"); done < <(cd "$runs" && compgen -G '*/*' |
  grep -E '/(tensorboard|figures)$')
if [ ${#views[@]} -gt 0 ]; then tar -czf "$out/views.tar.gz" -C "$runs" "${views[@]}"; fi
say "$SECONDS s in all (asked: at most 480)"
