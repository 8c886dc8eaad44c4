#!/usr/bin/env bash
# interop-steps.sh - steps that pass or fail, for scripts that source this and have a scratch directory in $work.

passed=0 failed=0
# step NAME FUNCTION ARGUMENT...: the function's output is shown indented; its exit code decides.
step() {
	local name=$1 start=$SECONDS code=0
	shift
	echo "interop: $name"
	# Not inside a condition: there bash ignores -e, and a failing command in the function would go unnoticed.
	set +e
	(set -e && "$@") >"$work/step" 2>&1
	code=$?
	set -e
	if [ $code = 0 ]; then
		passed=$((passed + 1))
		cut -c1-200 "$work/step" | sed 's/^/  /'
		echo "  PASS ($((SECONDS - start)) s)"
	else
		failed=$((failed + 1))
		tail -n 40 "$work/step" | cut -c1-400 | sed 's/^/  /'
		echo "  FAIL ($((SECONDS - start)) s): $name"
	fi
}

# Says how many passed; ends the script, with 0 if every step did.
finish() { # [WHAT]
	echo "interop: ${1:+$1: }$passed steps passed, $failed failed"
	[ "$failed" = 0 ]
	exit
}
