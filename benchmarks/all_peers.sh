#!/usr/bin/env bash
# Every comparison of docs/performance.md, one command a row; about half an hour on two cores. Let the machine
# rest meanwhile.
#
#   benchmarks/all_peers.sh DATA OUTPUT
#
# DATA holds news-en-de/newstest2014.en, multi30k/test_2016_flickr.en and multi30k/train.en; OUTPUT takes the
# reports. PYTHON (default: python) has Octavo and its extra `peers`. ONNX_PYTHON and OPENVINO_PYTHON are interpreters
# of other environments, with optimum-onnx and optimum-intel (see peers_optimum.py); an engine without one is left out.
# ROWS names the rows to run, all by default: ROWS="base-beam4 latency-greedy" benchmarks/all_peers.sh ...
set -euo pipefail
if [[ $# -ne 2 ]]; then
  echo "usage: [ONNX_PYTHON=python] [OPENVINO_PYTHON=python] $0 DATA OUTPUT" >&2
  exit 2
fi
data=$1 output=$2
python=${PYTHON:-python}
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
news=$data/news-en-de/newstest2014.en
captions=$data/multi30k/test_2016_flickr.en
base=(--shape base --forced 25)
box=(--model "$root/models/en-de" --int8 "$root/src/octavo/models/en-de")
default="base-beam4 base-greedy latency-beam4 latency-greedy text-news text-captions generate openvino-beam4 openvino-greedy memory avx2 flat products"
rows=" ${ROWS:-$default} "
mkdir -p "$output"

run() { # ROW SCRIPT ARGUMENTS...: unless ROWS leaves it out
  local row=$1 script=$2
  shift 2
  if [[ "$rows" == *" $row "* ]]; then
    echo "== $row"
    local start=$SECONDS
    "$python" "$here/$script" "$@" --output "$output/$row"
    echo "== $row took $((SECONDS - start)) s"
  fi
}

# Base shape: throughput against CTranslate2, int8 against float32, share of the peak, one thread against two.
run base-beam4 peers.py "${base[@]}" --beam 4 --scaling \
  --contestants octavo-int8 octavo-float32 ctranslate2-int8
run base-greedy peers.py "${base[@]}" --beam 1 --scaling \
  --contestants octavo-int8 octavo-float32 ctranslate2-int8

# One sentence at a time.
run latency-beam4 peers.py "${base[@]}" --beam 4 --latency --sentences 20 --tune-sentences 10 \
  --contestants octavo-int8 ctranslate2-int8
run latency-greedy peers.py "${base[@]}" --beam 1 --latency --sentences 40 --tune-sentences 20 \
  --contestants octavo-int8 ctranslate2-int8

# The trained model on real text, with every engine's own rules for length and stop.
run text-news peers.py "${box[@]}" --source "$news" --sentences 500 --rounds 3
run text-captions peers.py "${box[@]}" --source "$captions" --sentences 1000 --rounds 3

# generate(), with PyTorch, ONNX Runtime and OpenVINO under it.
slow=(octavo-int8 octavo-float32 transformers-float32)
generate=(--contestants "${slow[@]}")
if [[ -n "${ONNX_PYTHON:-}" ]]; then
  generate=(--contestants "${slow[@]}" onnxruntime-int8 onnxruntime-float32 --onnxruntime-python "$ONNX_PYTHON")
fi
run generate peers.py "${base[@]}" --beam 4 --sentences 64 --rounds 3 "${generate[@]}"
if [[ -n "${OPENVINO_PYTHON:-}" ]]; then
  openvino=(--sentences 64 --rounds 3 --openvino-python "$OPENVINO_PYTHON"
    --contestants octavo-int8 octavo-float32 openvino-int8 openvino-bfloat16)
  run openvino-beam4 peers.py "${base[@]}" --beam 4 "${openvino[@]}"
  run openvino-greedy peers.py "${base[@]}" --beam 1 "${openvino[@]}"
elif [[ "$rows" == *" openvino-"* ]]; then
  echo "== openvino rows are left out: OPENVINO_PYTHON names no interpreter" >&2
fi

# Peak memory on sentences as long as those of newstest2014.
run memory peers.py "${base[@]}" --beam 4 --lengths "$news" --sentences 3003 --rounds 1 --memory \
  --contestants octavo-int8 ctranslate2-int8

# Every contestant held to AVX2.
run avx2 peers.py "${base[@]}" --beam 4 --isa avx2 --sentences 128 --rounds 3 \
  --contestants octavo-int8 ctranslate2-int8

# 3,000 to 300,000 sentences.
run flat flat.py --source "$data/multi30k/train.en"

# Products alone, where CHECK_KERNELS names the native harness: each one's share of the peak of one core.
if [[ -n "${CHECK_KERNELS:-}" && "$rows" == *" products "* ]]; then
  "$CHECK_KERNELS" --bench > "$output/products.txt"
fi

# Not run by default: the other shapes.
run big-beam4 peers.py --shape big --forced 25 --beam 4 --sentences 128 --rounds 3 \
  --contestants octavo-int8 ctranslate2-int8
run opus-beam4 peers.py --shape opus --forced 25 --beam 4 --sentences 128 --rounds 3 \
  --contestants octavo-int8 ctranslate2-int8
