#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the peers, builds a release, measures neuroperf against them and writes docs/benchmarks.md.
# With names (start, event, fp, unwind, ...) only these, printed. All take about forty minutes and want a quiet machine and
# 25 GB in TMPDIR. FLAMEGRAPH_DIR: Brendan Gregg's FlameGraph, a peer that no package has; PYTHONPATH: where NEST is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mkdir -p build
exec 9>build/bench.lock
flock -n 9 || { echo "another scripts/bench.sh is at work here: both would measure each other" >&2; exit 1; }
scripts/install-packages.sh build test runtime bench
tests/runtime/install_workloads.sh
cmake -S . -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build/bench --target bench_programs
exec tests/bench/run.py build/bench "$@" --output docs/benchmarks.md
