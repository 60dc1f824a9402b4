#!/usr/bin/env bash
# Make the arena-tiny weights anew, from nothing to the model card. PYTHON names the interpreter (3.11 or later).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

build=build/training
venv=build/training-venv
weights=tokenarena_assets/fleet/weights

mkdir -p "$build"
[[ -x $venv/bin/python ]] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet --requirement requirements-training.txt

export PYTHONPATH=$PWD
export OMP_NUM_THREADS=1
run() { "$venv/bin/python" "$@"; }

# Both sizes share the tokenizer, so it is made before they start side by side.
run -c "
from pathlib import Path
from tokenarena_assets.fleet.training.tokenizer import train_tokenizer
train_tokenizer(Path('$build/tokenizer.json'))
"

trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
pids=()
for size in 1m 2m; do
    echo "training $size: tail -f $build/$size.log"
    run -m tokenarena_assets.fleet.training.train "$size" --out "$build" >"$build/$size.log" 2>&1 &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done

rm -f "$weights"/*.gguf
run -m tokenarena_assets.fleet.training.export --checkpoints "$build" --out "$weights"
run -m tokenarena_assets.fleet.training.evaluate --logs "$build"
echo "done: $weights/MODEL_CARD.md says what the new weights can do"
