#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the recordings of this folder anew (rarely wanted: old ones must stay readable). As root, in a built tree:
#
#   tests/golden/make_recordings.sh build/release
#
# What a recording tells must not depend on the machine that reads it: hello and digits hold no samples (one sample a
# second of programs that run for milliseconds); sampled holds samples of a static program without symbols that is gone
# afterwards. The host is called "golden"; kernel and CPU names are replaced in place, byte for byte as long.
set -euo pipefail
build=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
programs=/opt/golden
neuroperf=$build/viewer/neuroperf

if [ "${2:-}" != inside ]; then
	exec unshare --uts "$0" "$build" inside
fi
hostname golden
mkdir -p $programs
trap 'rm -rf $programs' EXIT
cp "$build"/examples/{hello_layers,spiking_digits} $programs
sources=$here/../../examples/spiking_digits
g++ -std=c++17 -O2 -fno-omit-frame-pointer -static -s -I "$here/../../include" \
	"$sources"/{main,network,options,test_run}.cpp -o $programs/static_digits
chmod 755 $programs $programs/*
cd "$here/recordings"
rm -f ./*.data
"$neuroperf" record -q -F 1 -o hello.data $programs/hello_layers
"$neuroperf" record -q -F 1 -o digits.data $programs/spiking_digits --images 3 --steps 4 --repeat 1
# As a user without privileges: the samples stay in the program.
work=$(mktemp -d)
chmod 777 "$work"
cp "$neuroperf" "$work/"
(
	cd "$work"
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		./neuroperf record -q -g -F 20000 -o sampled.data $programs/static_digits --images 8 --steps 10 --repeat 1
)
cp "$work/sampled.data" sampled.data
rm -rf "$work"
chmod 644 ./*.data

python3 - ./*.data <<'PYTHON'
import os, pathlib, sys
model = next(l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name"))
for name in sys.argv[1:]:
    path = pathlib.Path(name)
    data = path.read_bytes()
    for text, replacement in ((os.uname().release, "6.1.0"), (model, "a CPU")):
        data = data.replace(text.encode(), replacement.encode().ljust(len(text), b"\0"))
    path.write_bytes(data)
PYTHON
echo "now: NEUROPERF_BLESS=1 ctest -L golden, and read the differences"
