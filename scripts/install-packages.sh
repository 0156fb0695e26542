#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what neuroperf needs on Debian 12. The one place that lists packages.
#
#   scripts/install-packages.sh [--print] GROUP...      GROUP: build, test, guest, runtime, demo, lint, fuzz, bench
#
# Installs nothing, and asks for no password, when everything is there. --print only lists.
set -euo pipefail

packages_of() {
	case $1 in
	# cmake + generator, compiler, the libraries that the program links, the command line parser, man pages; clang and
	# bpftool for BPF programs.
	build) echo cmake ninja-build g++ pkg-config libelf-dev libdw-dev libzstd-dev libfmt-dev robin-map-dev nlohmann-json3-dev libcli11-dev libpfm4-dev libcapstone-dev libseccomp-dev scdoc clang-14 libbpf-dev bpftool ;;
	# Test libraries; perf and xmllint as independent readers of what we write; man to look at the pages; python3 counts;
	# setcap for files with capabilities.
	test) echo libgtest-dev libgmock-dev libvalijson-dev linux-perf libxml2-utils man-db python3 python3-jsonschema libcap2-bin binutils dwz libdebuginfod1 ;;
	# QEMU; a compiler for arm64; what goes into a guest and what takes a kernel image apart; what builds kernel modules,
	# and pahole for their types.
	guest) echo qemu-system-x86 qemu-system-arm g++-aarch64-linux-gnu busybox-static binutils zstd python3 linux-perf make gcc dwarves ;;
	# Runtimes for neural networks, and what runs them. Node.js may come from elsewhere, with an npm that Debian's
	# package cannot stand beside.
	runtime) echo neuron python3-neuron openmpi-bin libopencv-dnn-dev libdnnl-dev libarmnn-dev libarmnn-cpuref-backend22 python3-brian python3-torch "$(command -v npm >/dev/null || echo nodejs npm)" ;;
	demo) echo linux-perf ;;
	lint) echo clang-format-14 git ;;
	fuzz) echo clang-14 libclang-rt-14-dev ;;
	bench) echo linux-perf lttng-tools liblttng-ust-dev uftrace python3 clang-14 perl ;;
	*) echo "install-packages.sh: unknown group $1 (build, test, guest, runtime, demo, lint, fuzz, bench)" >&2 && exit 2 ;;
	esac
}

print=no
if [ "${1:-}" = --print ]; then
	print=yes
	shift
fi
[ $# -gt 0 ] || { sed -n '3,8s/^# \{0,1\}//p' "$0" && exit 2; }

wanted=()
for group in "$@"; do
	read -r -a group_packages <<<"$(packages_of "$group")"
	wanted+=("${group_packages[@]}")
done

if [ $print = yes ]; then
	printf '%s\n' "${wanted[@]}" | sort -u
	exit 0
fi

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for package in $(printf '%s\n' "${wanted[@]}" | sort -u); do
	is_installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || {
		echo "install-packages.sh: these packages are missing and there is no sudo: ${missing[*]}" >&2
		exit 1
	}
	as_root=(sudo)
fi
echo "Installing: ${missing[*]}"
"${as_root[@]}" apt-get update -qq </dev/null
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
	apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
