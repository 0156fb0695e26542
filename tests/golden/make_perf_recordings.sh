#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the recordings/perf_*.data anew (rarely wanted): the same small program recorded by perf in every way that lays out
# the file or its records differently. As root, with gcc and Debian 12's perf:
#
#   tests/golden/make_perf_recordings.sh
#
# What they tell must not depend on the machine that reads them: the program is static, stripped and gone afterwards, its
# kernel part is left out. Host, kernel and CPU names are replaced in place, byte for byte as long.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
programs=/opt/golden
work=$programs/perf_work

if [ "${1:-}" != inside ]; then
	exec unshare --uts "$0" inside
fi
hostname golden
mkdir -p $programs
trap 'rm -rf $programs' EXIT
gcc -O1 -fno-omit-frame-pointer -static -s "$here/perf_work.c" -o $work
cd "$here/recordings"
rm -f perf_*.data

# NAME [OPTION...]
record() {
	local name=$1
	shift
	perf record -q -N --no-bpf-event -o "perf_$name.data" "$@" -- $work >/dev/null
}
clock=(-F 250 -e cpu-clock:u)
record plain "${clock[@]}"
record chains "${clock[@]}" -g
record stacks "${clock[@]}" --call-graph dwarf,512
record several "${clock[@]}" -e task-clock:u -e page-faults:u
record group -F 250 -e '{cpu-clock:u,task-clock:u}:S'
record thread "${clock[@]}" --per-thread
record compressed "${clock[@]}" -g -z
record registers "${clock[@]}" --intr-regs=ax,bx,ip --user-regs=ip,sp -W --sample-identifier
record addresses -e page-faults:u -c 1 -d --phys-data --data-page-size
record records "${clock[@]}" -s --switch-events --namespaces --buildid-mmap
perf record -q -N "${clock[@]}" -g -o - -- $work >perf_stream.data
perf record -q -N "${clock[@]}" -e page-faults:u -z -o - -- $work >perf_stream_compressed.data
chmod 644 perf_*.data

python3 - perf_*.data <<'PYTHON'
import os, pathlib, sys
model = next(l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name"))
for name in sys.argv[1:]:
    path = pathlib.Path(name)
    data = path.read_bytes()
    for text, replacement in ((os.uname().release, "6.1.0"), (model, "a CPU")):
        data = data.replace(text.encode(), replacement.encode().ljust(len(text), b"\0"))
    path.write_bytes(data)
PYTHON
ls -l perf_*.data
echo "now: NEUROPERF_BLESS=1 ctest -L golden, and read the differences"
