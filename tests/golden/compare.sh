#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One view of one recording against the text in expected/.   compare.sh NEUROPERF RECORDING VIEW [MAKER]
# MAKER writes the recordings RECORDING.0.data, RECORDING.1.data ... of ranks, which are shown together; without it there
# is one in recordings/. NEUROPERF_BLESS=1 writes the text instead.
set -euo pipefail
neuroperf=$1 recording=$2 view=$3
cd "$(dirname "$0")/recordings"
expected=$(realpath ../expected)/$recording.$view.txt
export LC_ALL=C.UTF-8 NO_COLOR=1 TERM=dumb
input=("$recording.data")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -gt 3 ]; then
	cd "$work"
	"$4" "$recording"
	input=("$recording".*.data)
fi

show() {
	case $view in
	script) "$neuroperf" script "${input[@]}" ;;
	report) "$neuroperf" report "${input[@]}" --top 0 ;;
	# A pseudoterminal of so many columns, whose line ends are CR LF.
	report80 | report200)
		script -qec "stty cols ${view#report} && '$neuroperf' report ${input[*]} --top 5" /dev/null </dev/null | tr -d '\r'
		;;
	ascii) "$neuroperf" report "${input[@]}" --ascii --skip-first 2 --energy-model loihi ;;
	json) "$neuroperf" report "${input[@]}" --json ;;
	folded) "$neuroperf" export "${input[@]}" --format folded ;;
	svg) "$neuroperf" export "${input[@]}" --format svg ;;
	esac
}

actual=$work/actual
show >"$actual"
[ -s "$actual" ] || { echo "no output"; exit 1; }
if [ "${NEUROPERF_BLESS:-0}" = 1 ]; then
	cp "$actual" "$expected"
	chmod 644 "$expected"
fi
diff -u "$expected" "$actual"
