#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the peers, builds a release, measures neuroperf against them and writes docs/benchmarks.md.
# With names (start, event, fp, unwind, ...) only these, printed. All take about forty minutes and want a quiet machine and
# 25 GB in TMPDIR. FLAMEGRAPH_DIR: Brendan Gregg's FlameGraph, a peer that no package has; PYTHONPATH: where NEST is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install-packages.sh build test bench
cmake -S . -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build/bench --target bench_programs
exec tests/bench/run.py build/bench "$@" --output docs/benchmarks.md
