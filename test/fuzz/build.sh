#!/usr/bin/env bash
# Builds the fuzz targets into build-fuzz/, with AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   test/fuzz/build.sh [target …]      default: parser head core tls
#
# A target is an addon: Node loads it, because llhttp is found in the Node binary and nowhere else, and libFuzzer's
# driver is called from there. In the core and tls targets the calls of the core that the kernel answers go through
# fake_system.cc: a clock that the input moves, short reads and writes, errors.
set -euo pipefail
cd "$(dirname "$0")/../.."

clang=${CLANGXX:-clang++-14}
headers=${NODE_INCLUDE:-$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")/include/node}
runtime=$("$clang" -print-runtime-dir)
[ -d "$runtime" ] || runtime=$(dirname "$("$clang" -print-file-name=libclang_rt.asan-x86_64.so)")
sanitizers=(-fsanitize=address,undefined -fno-sanitize-recover=undefined -shared-libasan)
flags=(-std=c++20 -O1 -g -fPIC -fno-omit-frame-pointer -fno-exceptions -fno-rtti -fvisibility=hidden
  -Wall -Wextra -Wno-unused-parameter -DNAPI_VERSION=8 -DCHAUSSETTE_FUZZ -Inative -Itest/fuzz "-I$headers"
  "${sanitizers[@]}" -fsanitize=fuzzer-no-link)
faked=(-Dclock_gettime=FakeClockGettime -Drecv=FakeRecv -Dsend=FakeSend -Dsendmsg=FakeSendmsg -Daccept4=FakeAccept4 -Dsendfile=FakeSendfile)

core=$(grep '^native/core/' native/sources.txt | grep -v -e descriptor.cc)
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then targets=(parser head core tls); fi

# As many compilers at a time as there are cores; `wait -n` ends the build with the first that fails.
cores=$(nproc)
running=0
declare -A asked=()

compile() { # object source flag…
  local object=$1 source=$2
  shift 2
  if [ -n "${asked[$object]:-}" ]; then return; fi
  asked[$object]=1
  mkdir -p "$(dirname "$object")"
  if [ -f "$object" ] && [ -z "$(find native/core test/fuzz -newer "$object" \( -name '*.h' -o -path "$source" \))" ]; then
    return
  fi
  if [ "$running" -eq "$cores" ]; then
    wait -n
    running=$((running - 1))
  fi
  rm -f "$object"
  "$clang" "${flags[@]}" "$@" -c "$source" -o "$object" &
  running=$((running + 1))
}

# The objects of a target, in `objects`. Those of the core are shared by the targets that see it the same way.
objects_of() { # target
  local target=$1 sources=("test/fuzz/addon.cc" "test/fuzz/$1_target.cc") seen=plain wrap=() source object
  objects=()
  if [ "$target" = core ]; then
    sources+=(test/fuzz/fake_{application,answers,connections}.cc test/fuzz/strict_responses.cc)
  fi
  if [ "$target" = core ] || [ "$target" = tls ]; then
    seen=faked
    wrap=("${faked[@]}")
    compile build-fuzz/fake_system.o test/fuzz/fake_system.cc
    objects+=(build-fuzz/fake_system.o)
  fi
  for source in "${sources[@]}"; do
    object=build-fuzz/$target/$(basename "$source" .cc).o
    compile "$object" "$source"
    objects+=("$object")
  done
  for source in $core; do
    object=build-fuzz/$seen/$(basename "$source" .cc).o
    compile "$object" "$source" "${wrap[@]}"
    objects+=("$object")
  done
}

for target in "${targets[@]}"; do objects_of "$target"; done
while [ "$running" -gt 0 ]; do
  wait -n
  running=$((running - 1))
done
for target in "${targets[@]}"; do
  objects_of "$target" # All are there: nothing is compiled.
  # -Bsymbolic: the coverage counters of the target belong to its own libFuzzer, not to the preloaded runtime.
  "$clang" -shared "${sanitizers[@]}" -Wl,-Bsymbolic -o "build-fuzz/$target.node" "${objects[@]}" \
    -Wl,--whole-archive "$runtime/libclang_rt.fuzzer_no_main-x86_64.a" -Wl,--no-whole-archive -lpthread -ldl -lm
  echo "built build-fuzz/$target.node"
done
