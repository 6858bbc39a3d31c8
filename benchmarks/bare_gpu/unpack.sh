#!/usr/bin/env bash
# The other half of pack.sh, on the bare machine with a GPU and no internet.
#
#   bash unpack.sh PARTS TARGET     then what it says at its end
#
# Parts that have not come yet are named: call again when they are there. Without those of the kit
# the status is 3. What has been unpacked is not unpacked again.
set -euo pipefail

PARTS=$1
TARGET=$(mkdir -p "$2" && cd "$2" && pwd)
PYTHON=${PYTHON:-python3}

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }

# unxz < FILE: with the program, else with Python's own module
unxz() {
  if command -v xz > /dev/null; then
    xz -dc
  else
    "$PYTHON" -c 'import lzma, shutil, sys
shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer, 1 << 22)'
  fi
}

for name in kit model; do
  sums=$(grep " $name-" "$PARTS/SHA256SUMS") || continue
  done=$TARGET/.$name-$(sha256sum <<< "$sums" | cut -c1-16)
  [ -e "$done" ] && continue
  missing=$(awk '{ print $2 }' <<< "$sums" | while read -r part; do
    [ -e "$PARTS/$part" ] || echo "$part"
  done)
  if [ -n "$missing" ]; then
    say "$name: still to come:" $missing
    [ "$name" = model ] && continue
    exit 3
  fi
  (cd "$PARTS" && sha256sum --quiet -c <<< "$sums")
  cat "$PARTS/$name"-*.part | unxz | tar -x -C "$TARGET"
  rm -f "$TARGET/.compiled"
  touch "$done"
  say "$name unpacked: $(du -sm "$TARGET" | cut -f1) MiB in $TARGET"
done
if [ ! -e "$TARGET/.compiled" ]; then # saves seconds in each process that imports it
  "$PYTHON" -m compileall -q -j 0 "$TARGET" > /dev/null 2>&1 || true
  touch "$TARGET/.compiled"
  say "compiled"
fi

cd /
export PYTHONPATH=$TARGET VLLM_NO_USAGE_STATS=1 HF_HUB_OFFLINE=1
"$PYTHON" - <<'EOF_PY'
import platform
import time

began = time.perf_counter()
import torch
import vllm
from vllm import LLM  # noqa: F401
from vllm.platforms import current_platform

print(f"python {platform.python_version()}, torch {torch.__version__}, vllm {vllm.__version__}")
print(f"platform {type(current_platform).__name__}, CUDA there: {torch.cuda.is_available()}")
try:
    import vllm._C_stable_libtorch  # noqa: F401
    import vllm.cumem_allocator  # noqa: F401
    import vllm.spinloop  # noqa: F401
    from vllm.vllm_flash_attn import flash_attn_interface as attention

    print(
        f"rms_norm: {hasattr(torch.ops._C, 'rms_norm')}, FlashAttention 3: "
        f"{attention.FA3_AVAILABLE} {attention.FA3_UNAVAILABLE_REASON or ''}"
    )
except ImportError as error:  # without a driver
    print(f"libraries: {error}")
if torch.cuda.is_available():
    print(torch.cuda.get_device_name(0), torch.cuda.get_device_capability(0))
    x, w = torch.randn(4, 64, device="cuda", dtype=torch.bfloat16), torch.ones(64, device="cuda")
    out, w = torch.empty_like(x), w.bfloat16()
    torch.ops._C.rms_norm(out, x, w, 1e-6)  # a kernel of vLLM's own
    wanted = torch.nn.functional.rms_norm(x.float(), (64,), eps=1e-6)
    print(f"rms_norm differs by {(out.float() - wanted).abs().max().item():.1e}")
print(f"imported in {time.perf_counter() - began:.1f} s")
EOF_PY
say "export PYTHONPATH=$TARGET VLLM_USE_FLASHINFER_SAMPLER=0  # the kit has no FlashInfer"
