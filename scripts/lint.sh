#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that need no build.   scripts/lint.sh [format] [paths] [--fix]
#   format   every C and C++ file is as clang-format 14 writes it (--fix rewrites)
#   paths    no file names somebody's home directory or a scratch folder of a build machine
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

fix=no
checks=()
for word in "$@"; do
	if [ "$word" = --fix ]; then fix=yes; else checks+=("$word"); fi
done
[ ${#checks[@]} -gt 0 ] || checks=(format paths)

# Weights and images of the example are generated data.
format_check() {
	local files
	mapfile -t files < <(git ls-files '*.c' '*.h' '*.cpp' '*.hpp' ':!examples/*/data/*')
	if [ "$fix" = yes ]; then
		clang-format-14 -i "${files[@]}"
	else
		! clang-format-14 --dry-run "${files[@]}" 2>&1 | sed -n 's/^\([^:]*\):.*code should be.*/\1: not formatted/p' |
			sort -u | grep .
	fi
}

# -I skips binary files. The pattern is written so that it does not find itself.
paths_check() {
	! git grep -nIE '/(home|Users)/[a-z][a-z0-9_-]*/|/(root|work|farm)/[a-z.]' -- ':!scripts/lint.sh' ':!LICENSE'
}

status=0
for check in "${checks[@]}"; do
	"${check}_check" || { echo "lint: $check: see above" >&2 && status=1; }
done
exit $status
