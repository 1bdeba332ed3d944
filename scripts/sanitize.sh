#!/usr/bin/env bash
# The conformance and native suites on an addon built with AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   scripts/sanitize.sh [suite | test file …]      default: conformance native
#
# The addon is built in build-sanitize/, beside the ordinary build, and picked by CHAUSSETTE_ADDON. Node itself is
# not instrumented, so the sanitizers' libraries are preloaded, and leaks are looked for by test/lifetime instead.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p build-sanitize
for name in binding.gyp native package.json node_modules; do
  ln -sfn "../$name" "build-sanitize/$name"
done

gyp=${npm_config_node_gyp:-$(dirname "$(readlink -f "$(command -v npm)")")/../node_modules/node-gyp/bin/node-gyp.js}
headers=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
nodedir=()
if [ -f "$headers/include/node/node_api.h" ]; then nodedir=("--nodedir=$headers"); fi

# Linked again in any case, so that what is there afterwards is what was built now.
rm -f build-sanitize/build/Release/chaussette.node build-sanitize/build/Release/obj.target/chaussette.node
GYP_DEFINES="sanitize=address,undefined" CXX="${CXX:-g++}" CC="${CC:-gcc}" \
  node "$gyp" -C build-sanitize configure build --jobs max "${nodedir[@]}" 2>&1 | tee build-sanitize/build.log | grep -E 'warning|error|ok|ERR' || true
addon=$PWD/build-sanitize/build/Release/chaussette.node
if [ ! -f "$addon" ]; then
  echo "sanitize: the addon was not built; the log is in build-sanitize/build.log" >&2
  exit 1
fi

preload=$("${CXX:-g++}" -print-file-name=libasan.so):$("${CXX:-g++}" -print-file-name=libubsan.so)
suites=("$@")
if [ ${#suites[@]} -eq 0 ]; then suites=(conformance native); fi

# A report ends the process that it is about, so its test fails; the reports are kept as well, because a test may
# expect a process to end.
rm -f build-sanitize/report.*
export CHAUSSETTE_ADDON=$addon CONFORMANCE_BACKEND=native CHAUSSETTE_TEST_BACKEND=native
export ASAN_OPTIONS=detect_leaks=0:halt_on_error=1:log_path=$PWD/build-sanitize/report
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:log_path=$PWD/build-sanitize/report
status=0
LD_PRELOAD=$preload node --import tsx test/run.ts --no-skip "${suites[@]}" || status=$?
for report in build-sanitize/report.*; do
  [ -e "$report" ] || continue
  echo "sanitize: $report"
  cat "$report"
  status=1
done
exit "$status"
