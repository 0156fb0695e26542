#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the runtimes and models that tests run and Debian does not have, from npm: the versions in package.json.
#
#   tests/runtime/install_workloads.sh
#
# Into $NEUROPERF_WORKLOADS (build/workloads in the repository without it). Does nothing when they are there.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
workloads=${NEUROPERF_WORKLOADS:-build/workloads}
case $workloads in
/*) ;;
*) workloads=$repository/$workloads ;;
esac

[ $# -eq 0 ] || { sed -n '3,7s/^# \{0,1\}//p' "$0" && exit 2; }

# package.json there is written last: it says that the installation beside it is whole.
cmp -s "$here/package.json" "$workloads/package.json" && exit 0

for tool in node npm; do
	command -v $tool >/dev/null || {
		echo "install_workloads.sh: $tool is missing (Debian: nodejs, npm)" >&2
		exit 1
	}
done
mkdir -p "$workloads"
fresh=$(mktemp -d "$workloads/fresh.XXXXXX")
trap 'rm -rf "$fresh"' EXIT

# Packed and unpacked, not installed: what these packages depend on serves downloads and browsers, and an
# installation writes the registry's address. A package's files lie in one folder of any name in its archive.
list='Object.entries(require(process.argv[1]).dependencies).forEach((pair) => console.log(...pair))'
node -e "$list" "$here/package.json" >"$fresh/packages"
while read -r name version; do
	package=$name@$version
	[[ $version == npm:* ]] && package=${version#npm:}
	archive=$(cd "$fresh" && npm pack --silent "$package" </dev/null)
	mkdir -p "$fresh/node_modules/$name"
	tar -xzf "$fresh/$archive" -C "$fresh/node_modules/$name" --strip-components=1 --no-same-owner \
		--exclude='*/napi-v*/darwin' --exclude='*/napi-v*/win32'
	rm "$fresh/$archive"
done <"$fresh/packages"

rm -rf "$workloads/package.json" "$workloads/node_modules"
mv "$fresh/node_modules" "$workloads/node_modules"
cp "$here/package.json" "$workloads/package.json"
