#!/usr/bin/env bash
# check-dependencies.sh - each dependency of the workspace has its line in docs/decisions/dependencies.md, no line there
# is about one that has gone, and each is used by the crate that asks for it.
set -euo pipefail
cd "$(dirname "$0")/.."
page=docs/decisions/dependencies.md
code=0
complain() { echo "check-dependencies: $*" >&2; code=1; }

# Names in one section of a manifest, without our own crates.
names_in() { # SECTION FILE
	awk -v section="[$1]" '/^\[/ { inside = $0 == section } inside && /^[A-Za-z0-9_-]+(\.workspace)? *=/ { sub(/[. =].*/, ""); print }' "$2" |
		grep -v '^counterfoil' | sort
}

# Files of other crates that a crate's tests include.
included() { # CRATE
	{ git grep --untracked -o -E '#\[path = "[^"]+"' -- "$1/*.rs" || true; } | while IFS=: read -r file attribute; do
		attribute=${attribute#*\"}
		realpath -m --relative-to=. "$(dirname "$file")/${attribute%\"}"
	done
}

declared=$(names_in workspace.dependencies Cargo.toml)
# First column of the page's tables: | `name` | ...
explained=$(sed -n 's/^| `\([A-Za-z0-9_-]*\)` |.*/\1/p' $page | sort)

for name in $(uniq -d <<<"$explained"); do complain "$page has more than one line for $name"; done
for name in $(comm -23 <(echo "$declared") <(echo "$explained")); do complain "$page has no line for $name"; done
for name in $(comm -13 <(echo "$declared") <(echo "$explained")); do complain "$page explains $name, which Cargo.toml does not name"; done

used=
while read -r manifest; do
	crate=$(dirname "$manifest")
	mapfile -t others < <(included "$crate")
	for name in $(names_in dependencies "$manifest") $(names_in dev-dependencies "$manifest") $(names_in build-dependencies "$manifest"); do
		used+="$name"$'\n'
		git grep -q --untracked -E "\b${name//-/_}\b" -- "$crate/src/*.rs" "$crate/tests/*.rs" "$crate/benches/*.rs" "$crate/examples/*.rs" "$crate/build.rs" "${others[@]}" ||
			 complain "$manifest asks for $name, which no code of $crate names"
	done
done < <(git ls-files -- '*/Cargo.toml' ':!fuzz')
for name in $(comm -23 <(echo "$declared") <(sort -u <<<"$used")); do complain "Cargo.toml names $name, which no crate uses"; done
exit $code
