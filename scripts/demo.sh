#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh Debian 12 to profiles of real workloads: installs packages (root or sudo), builds, records the
# spiking_digits example, shows the report, writes a flame graph; then looks inside two programs that nobody rebuilt, a
# simulation in NEURON and an ONNX model under Node.js. Needs no terminal. Results: out/ in the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD

heading() { printf '\n== %s\n' "$*"; }
show() { printf '$ %s\n' "$*" && "$@"; }

heading "Packages"
scripts/install-packages.sh build demo runtime
tests/runtime/install_workloads.sh
echo "all there"

heading "Build (release; some minutes)"
launcher=()
if command -v ccache >/dev/null; then
	launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
mkdir -p build out
cmake --preset release "${launcher[@]}" >build/configure.log 2>&1 || { cat build/configure.log && exit 1; }
cmake --build build/release -j "$(nproc)"
PATH=$PWD/build/release/viewer:$PWD/build/release/examples:$PATH
cd out

heading "Record a spiking network that reads handwritten digits"
show neuroperf record -g -o digits.data spiking_digits

heading "Report: where the time, the spikes and the estimated energy went"
show neuroperf report -i digits.data --top 10

heading "Flame graph and JSON"
show neuroperf export -i digits.data --format svg -o digits.svg
show neuroperf report -i digits.data --json -o digits.json

heading "Gate: the same work as before?"
show neuroperf gate --baseline digits.json --candidate digits.json

if command -v perf >/dev/null; then
	heading "The recording is a perf.data file"
	printf '$ perf script -i digits.data -F comm,tid,time,event,trace | grep neuroperf:spikes | head -3\n'
	perf script -i digits.data -F comm,tid,time,event,trace 2>/dev/null | grep neuroperf:spikes | sed 3q || true
fi

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo --preserve-env=NODE_PATH env "PATH=$PATH")
workloads=$repository/tests/runtime/workloads

heading "Inside a simulation that nobody rebuilt: phases and spikes of NEURON"
show "${as_root[@]}" neuroperf record -o neuron.data /usr/bin/python3 "$workloads/neuron_ring.py"
show neuroperf report -i neuron.data --top 10

heading "Inside a stripped library: the nodes of an ONNX model under Node.js"
export NODE_PATH=$repository/build/workloads/node_modules
show "${as_root[@]}" neuroperf record -o onnx.data node "$workloads/ort_model.js" cls --inferences 100
show neuroperf report -i onnx.data --top 10

heading "What is where"
cat <<END
recordings  out/*.data          (neuroperf report, perf report, perf script)
report      out/digits.json     (neuroperf gate, your own scripts)
flame graph out/digits.svg      (any web browser)
programs    build/release/viewer/neuroperf and build/release/examples/
END
