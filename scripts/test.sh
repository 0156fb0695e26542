#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds and tests neuroperf on Debian 12; installs what is missing (root or sudo).
#
#   scripts/test.sh            unit and golden tests
#   scripts/test.sh --all      every tier
#   scripts/test.sh TIER...    unit golden package integration privileged runtime robustness guest lint asan fuzz
#
# Tests skip what the machine cannot do, and say so. NEUROPERF_REQUIRE=perf,root,... (or all) makes skips for such a
# reason failures; with CI set it is what this script installs, and root if we are. FUZZ_SECONDS: time for each fuzzer
# (12). Ends with "N passed, N failed, N skipped".
set -uo pipefail
{ # read as a whole before it runs: the script may be changed meanwhile (git pull)
cd "$(dirname "$0")/.." || exit 1

all_tiers=(lint unit golden package integration privileged runtime robustness guest asan fuzz)
case ${1:-} in
'') tiers=(unit golden) ;;
--all) tiers=("${all_tiers[@]}") ;;
-*) sed -n '3,11s/^# \{0,1\}//p' "$0" && exit 2 ;;
*) tiers=("$@") ;;
esac
for tier in "${tiers[@]}"; do
	[[ " ${all_tiers[*]} " == *" $tier "* ]] || { echo "test.sh: unknown tier $tier (${all_tiers[*]})" >&2 && exit 2; }
done
wants() { [[ " ${tiers[*]} " == *" $1 "* ]]; }

if [ -n "${CI:-}" ] && [ -z "${NEUROPERF_REQUIRE:-}" ]; then
	NEUROPERF_REQUIRE=perf,runtime,xmllint,man,scdoc,pkg-config
	[ "$(id -u)" -ne 0 ] || NEUROPERF_REQUIRE+=,root
fi
export NEUROPERF_REQUIRE=${NEUROPERF_REQUIRE:-}
export GTEST_COLOR=no
jobs=$(nproc)
results=build/test-results
rm -rf $results
mkdir -p $results

# For the tally, "OUTCOME NAME": a check that is not a CTest test passed or failed; a whole step is broken.
note() { echo "$1 $2" >>$results/steps.txt; }

timed() { # HEADING COMMAND...
	local heading=$1 begin=$SECONDS status
	shift
	printf '\n== %s\n' "$heading"
	"$@"
	status=$?
	printf '== %s: %d s%s\n' "$heading" $((SECONDS - begin)) "$([ $status -eq 0 ] || echo ", FAILED")"
	[ $status -eq 0 ] || note broken "$heading"
	return $status
}

install_packages() {
	local groups=(build test)
	wants lint && groups+=(lint)
	wants guest && groups+=(guest)
	wants runtime && groups+=(runtime)
	if wants asan || wants fuzz; then groups+=(fuzz); fi
	scripts/install-packages.sh "${groups[@]}" || return
	! wants runtime || tests/runtime/install_workloads.sh
}

build() { # PRESET [--target NAME...]
	local preset=$1 options=()
	shift
	command -v ccache >/dev/null &&
		options=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
	cmake --preset "$preset" "${options[@]}" >"build/configure-$preset.log" 2>&1 ||
		{ cat "build/configure-$preset.log" && return 1; }
	cmake --build --preset "$preset" -j "$jobs" "$@" >"build/build-$preset.log" 2>&1 ||
		{ tail -n 60 "build/build-$preset.log" && return 1; }
}

run_tests() { # PRESET LABEL [CTEST OPTION...]
	local preset=$1 label=$2
	shift 2
	run_ctest "$preset" "$label" "$preset-${label//|/-}" "$@"
}

run_ctest() { # PRESET LABEL RESULT [CTEST OPTION...]
	local preset=$1 label=$2 result=$3
	shift 3
	ctest --test-dir "build/$preset" -L "^($label)\$" --no-tests=error --output-on-failure \
		--output-junit "$PWD/$results/$result.xml" \
		--test-output-size-passed 10000000 --test-output-size-failed 10000000 "$@"
}

# Tests that record what happens on this machine compare times with the machine's own, which others may disturb. What
# failed runs once more, alone; the tally names what passed only then.
run_recording_tests() { # LABEL [CTEST OPTION...]
	run_tests dev "$@" && return
	printf '\n== %s: what failed, once more\n' "$1"
	run_ctest dev "$1" "dev-$1.again" --rerun-failed
}

# The corpus is replayed by the unit tests too; here each fuzzer starts from it and searches on. New finds stay in build/.
run_fuzzer() { # NAME
	local name=$1 corpus=build/asan/corpus/$1
	mkdir -p "$corpus"
	[ "$name" != recording_fuzz ] || cp tests/golden/recordings/perf_*.data "$corpus"
	if "build/asan/tests/fuzz/$name" -max_total_time="${FUZZ_SECONDS:-12}" -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix="$results/$name-" "$corpus" "tests/fuzz/corpus/${name%_fuzz}" >"$results/$name.log" 2>&1; then
		note passed "fuzz $name"
		grep "^Done" "$results/$name.log" | sed "s/^/$name: /"
	else
		note failed "fuzz $name"
		tail -n 40 "$results/$name.log"
		return 1
	fi
}

run_fuzzers() { # as many at once as there are CPUs
	local name failed=0 running=0
	for name in "${fuzzers[@]}"; do
		if [ $running -eq "$jobs" ]; then
			wait -n || failed=1
			running=$((running - 1))
		fi
		run_fuzzer "$name" &
		running=$((running + 1))
	done
	while [ $running -gt 0 ]; do
		wait -n || failed=1
		running=$((running - 1))
	done
	return $failed
}

lint() {
	local name failed=0
	for name in format paths; do
		if scripts/lint.sh "$name"; then note passed "lint $name"; else
			note failed "lint $name"
			failed=1
		fi
	done
	return "$failed"
}

finish() {
	printf '\n'
	python3 scripts/tally.py $results
	exit
}

timed "packages" install_packages || finish
wants lint && timed "lint" lint
if wants unit || wants golden || wants package || wants integration || wants privileged || wants runtime || wants robustness || wants guest; then
	targets=()
	[ "${tiers[*]}" != guest ] || targets=(--target guest_programs)
	timed "build dev" build dev "${targets[@]}" || finish
fi
wants unit && timed "unit" run_tests dev unit -j "$jobs"
wants golden && timed "golden" run_tests dev golden -j "$jobs"
wants package && timed "package" run_tests dev package
wants integration && timed "integration" run_recording_tests integration
wants privileged && timed "privileged" run_recording_tests privileged
wants runtime && timed "runtime" run_recording_tests runtime
wants robustness && timed "robustness" run_tests dev robustness -j "$jobs"
wants guest && timed "guest: fetch and build" run_tests dev guest_prepare
wants guest && timed "guest" run_recording_tests guest -j "$jobs"
if wants asan || wants fuzz; then # in one build, by clang
	mapfile -t fuzzers < <(basename -s .cpp -a tests/fuzz/*_fuzz.cpp)
	targets=()
	! wants asan || targets+=(sanitized_tests)
	! wants fuzz || targets+=("${fuzzers[@]}")
	timed "build asan" build asan --target "${targets[@]}" || finish
fi
# The tests that wait for the clock or the disk find nothing more under sanitizers.
wants asan && timed "asan: unit and robustness" run_tests asan 'unit|robustness' \
	-j "$jobs" -E 'robustness\.(kill|full_disk|large_recording)'
wants fuzz && timed "fuzz" run_fuzzers
finish
}
