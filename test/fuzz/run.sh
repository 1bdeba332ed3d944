#!/usr/bin/env bash
# Fuzzes each target for so many seconds, one after the other, seeded from the conformance fixtures.
#
#   test/fuzz/run.sh SECONDS [target …]      default: parser head core tls
#   test/fuzz/run.sh FILE target             runs one input again
#
# A finding is left in build-fuzz/findings/; make a fixture or a test of it. What was learnt stays in build-fuzz/corpus/.
set -euo pipefail
cd "$(dirname "$0")/../.."

what=${1:?usage: test/fuzz/run.sh SECONDS [target …]}
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then targets=(parser head core tls); fi

test/fuzz/build.sh "${targets[@]}"
clang=${CLANGXX:-clang++-14}
preload=$("$clang" -print-file-name=libclang_rt.asan-x86_64.so)
# Node is not instrumented; the core target counts what it lends and takes back itself.
export ASAN_OPTIONS=detect_leaks=0:handle_abort=1:abort_on_error=1:detect_stack_use_after_return=0
export UBSAN_OPTIONS=print_stacktrace=1

run() { # target argument…
  local target=$1
  shift
  LD_PRELOAD=$preload node test/fuzz/start.cjs "build-fuzz/$target.node" "$@"
}

if [ -f "$what" ]; then
  run "${targets[0]}" "$what"
  exit 0
fi
node --import tsx test/fuzz/seeds.ts build-fuzz/seeds
mkdir -p build-fuzz/findings
status=0
for target in "${targets[@]}"; do
  mkdir -p "build-fuzz/corpus/$target"
  echo "fuzz: $target for $what s"
  failed=0
  run "$target" "build-fuzz/corpus/$target" "build-fuzz/seeds/$target" -dict=test/fuzz/http.dict -max_len=4096 \
    -max_total_time="$what" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 -verbosity=1 \
    -artifact_prefix="build-fuzz/findings/$target-" >"build-fuzz/$target.log" 2>&1 || failed=$?
  grep -E '^(stat::number_of_executed|SUMMARY|fuzz:|whole:|Test unit)|DONE|ERROR' "build-fuzz/$target.log" |
    sort -u | tail -8
  if [ "$failed" -ne 0 ]; then
    status=$failed
    newest=$(find build-fuzz/findings -name "$target-*" -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2)
    # All that is left of it where the directory is not kept.
    if [ -n "$newest" ]; then echo "fuzz: $newest, base64 and gzip:" && gzip -9c "$newest" | base64 -w 120; fi
  fi
done
exit "$status"
