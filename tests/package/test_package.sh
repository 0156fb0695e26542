#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One test of the installed package by name; run by CTest, which sets BUILD, PREFIX, CC, CXX and CMAKE.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
neuroperf=$PREFIX/bin/neuroperf

fail() { echo "FAILED: $*" && exit 1; }

# A skip, or a failure where NEUROPERF_REQUIRE names what is missing (a comma list, or all).
need() { # WORD COMMAND
	command -v "$2" >/dev/null && return
	[[ ",${NEUROPERF_REQUIRE:-}," =~ ,(all|$1), ]] && fail "$2 is required and not installed"
	echo "$2 is not installed" && exit 77
}

install() {
	rm -rf "$PREFIX"
	"$CMAKE" --install "$BUILD" --prefix "$PREFIX" >/dev/null
	"$neuroperf" --version | grep '^neuroperf [0-9]' >/dev/null
	[ -f "$PREFIX/include/neuroperf/neuroperf.h" ]
	[ "$(uname -m)" != x86_64 ] || [ "$(id -u)" != 0 ] ||
		"$neuroperf" record --agent --dry-run -- true 2>&1 | grep 'by LD_PRELOAD' >/dev/null || fail "no agent"
}

# The consumers print "recorded 0" by themselves and "recorded 1" under the recorder, whose file then has their events.
check_consumer() {
	[ "$("$1")" = "recorded 0" ] || fail "$1 by itself"
	(
		cd "$(dirname "$1")"
		[ "$("$neuroperf" record -q -o consumer.data "$1")" = "recorded 1" ] || fail "$1 recorded"
		"$neuroperf" script -i consumer.data | grep 'neuroperf:spikes layer=1 count=42' >/dev/null || fail "no spikes of $1"
	)
}

find_package() {
	local build=$BUILD/tests/package/find_package
	rm -rf "$build"
	"$CMAKE" -S "$here/consumer" -B "$build" -DCMAKE_PREFIX_PATH="$PREFIX" -DCMAKE_C_COMPILER="$CC" \
		-DCMAKE_CXX_COMPILER="$CXX" >/dev/null
	"$CMAKE" --build "$build" >/dev/null
	check_consumer "$build/consumer_c"
	check_consumer "$build/consumer_cpp"
}

pkg_config() {
	local build=$BUILD/tests/package/pkg_config flags
	need pkg-config pkg-config
	mkdir -p "$build"
	export PKG_CONFIG_PATH=$PREFIX/share/pkgconfig
	read -r -a flags <<<"$(pkg-config --cflags --libs neuroperf)"
	[ "$(pkg-config --modversion neuroperf)" = "$("$neuroperf" --version | cut -d' ' -f2)" ] || fail version
	"$CC" -std=c11 -Wall -Wextra -Werror "$here/consumer/consumer.c" "${flags[@]}" -o "$build/consumer_c"
	"$CXX" -std=c++17 -Wall -Wextra -Werror "$here/consumer/consumer.cpp" "${flags[@]}" -o "$build/consumer_cpp"
	check_consumer "$build/consumer_c"
	check_consumer "$build/consumer_cpp"
}

commands=(record report script export gate)

man_pages() {
	local page problems
	need man man
	need scdoc scdoc
	for page in neuroperf "${commands[@]/#/neuroperf-}"; do
		problems=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$PREFIX/share/man/man1/$page.1.gz" 2>&1 >/dev/null)
		[ -z "$problems" ] || fail "$page: $problems"
	done
}

# Every long option of `neuroperf COMMAND --help` stands in the command's page, and every one there exists.
help_is_documented() {
	local command option page
	need scdoc scdoc
	for command in "${commands[@]}"; do
		page=$(gzip -dc "$PREFIX/share/man/man1/neuroperf-$command.1.gz" | sed 's/\\//g; s/f[BIR]//g')
		for option in $("$neuroperf" "$command" --help | grep -oE '^ *(-.,)?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
			grep -qE -- "^(-.*, )?$option( |\$)" <<<"$page" || fail "neuroperf-$command(1) lacks $option"
		done
		for option in $(grep -E '^(-., )?--' <<<"$page" | grep -oE -- '--[a-z][a-z-]*'); do
			"$neuroperf" "$command" --help | grep -E -- "$option\b" >/dev/null || fail "$command has no $option"
		done
	done
}

data() {
	local folder
	for folder in energy schema; do
		diff -r "$here/../../data/$folder" "$PREFIX/share/neuroperf/$folder" || fail "$folder"
	done
	[ -f "$PREFIX/share/doc/neuroperf/LICENSE" ] || fail "no licence"
}

"$1"
