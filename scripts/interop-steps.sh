#!/usr/bin/env bash
# interop-steps.sh - steps that pass or fail, and services to wait for, for scripts that source this and have a scratch directory
# in $work.

: "${work:?a scratch directory of the script that sources this}"
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

# Waits until one of our services says that it is ready, and prints what it says then: a log or a witness its URL.
ready() { # OUTPUT ERRORS PID
	local said
	for _ in $(seq 300); do
		said=$(sed -n 's/.* is ready\( at\|:\) //p' "$1" | head -n 1)
		[ -z "$said" ] || { echo "${said%/}"; return; }
		kill -0 "$3" 2>/dev/null || break
		sleep 0.1
	done
	tail -n 40 "$2" >&2
	echo "interop: it did not start: $1" >&2
	return 1
}

# Says how many passed; ends the script, with 0 if every step did.
finish() { # [WHAT]
	echo "interop: ${1:+$1: }$passed steps passed, $failed failed"
	[ "$failed" = 0 ]
	exit
}
