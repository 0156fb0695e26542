#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One view of one recording against the text in expected/.   compare.sh NEUROPERF RECORDING VIEW
# NEUROPERF_BLESS=1 writes the text instead.
set -euo pipefail
neuroperf=$1 recording=$2 view=$3
cd "$(dirname "$0")/recordings"
expected=../expected/$recording.$view.txt
export LC_ALL=C.UTF-8 NO_COLOR=1 TERM=dumb
input=$recording.data

show() {
	case $view in
	script) "$neuroperf" script -i "$input" ;;
	report) "$neuroperf" report -i "$input" --top 0 ;;
	# A pseudoterminal of 80 columns, whose line ends are CR LF.
	report80)
		script -qec "stty cols 80 && '$neuroperf' report -i $input --top 5" /dev/null </dev/null | tr -d '\r'
		;;
	ascii) "$neuroperf" report -i "$input" --ascii --skip-first 2 --energy-model loihi ;;
	json) "$neuroperf" report -i "$input" --json ;;
	folded) "$neuroperf" export -i "$input" --format folded ;;
	svg) "$neuroperf" export -i "$input" --format svg ;;
	esac
}

actual=$(mktemp)
trap 'rm -f "$actual"' EXIT
show >"$actual"
[ -s "$actual" ] || { echo "no output"; exit 1; }
if [ "${NEUROPERF_BLESS:-0}" = 1 ]; then
	cp "$actual" "$expected"
	chmod 644 "$expected"
fi
diff -u "$expected" "$actual"
