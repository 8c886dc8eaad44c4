// Command interop reads a tiled transparency log with golang.org/x/mod/sumdb/{note,tlog} only, and says of each thing
// whether it holds: the checkpoint, every entry bundle, every tile, proofs made from the tiles, receipts (tlog-proofs).
// Each thing is then altered by one byte, and must be refused.
//
// It shares no code with Counterfoil. The exit code is 0 if every row passed, 1 if one failed.
package main

import (
	"fmt"
	"os"
	"strconv"
)

const usage = `usage:
  interop tree URL VKEY             checkpoint, entry bundles, tiles and proofs of a log, whole and altered
  interop receipts URL VKEY COUNT   COUNT receipts of URL/receipt/<index>, whole and altered
  interop files VKEY DIR            each FILE under DIR that has a FILE.tlog-proof beside it (digest or contents)
  interop fill URL COUNT            adds COUNT entries by URL/add-batch and waits until they are published
`

func main() {
	args := os.Args[1:]
	is := func(name string, operands int) bool { return len(args) == operands+1 && args[0] == name }
	var rows report
	switch {
	case is("tree", 2):
		checkTree(&rows, newLog(args[1], args[2]))
	case is("receipts", 3):
		checkReceipts(&rows, newLog(args[1], args[2]), number(args[3]))
	case is("files", 2):
		checkFiles(&rows, args[1], args[2])
	case is("fill", 2):
		rows.row(fmt.Sprintf("add %s entries by batches", args[2]), fill(args[1], number(args[2])))
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	os.Exit(rows.exitCode())
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		fmt.Fprintf(os.Stderr, "interop: %q is not a positive number\n", s)
		os.Exit(2)
	}
	return n
}

// report prints one line a row and remembers whether one failed.
type report struct{ passed, failed int }

func (r *report) row(name string, err error) bool {
	if err != nil {
		r.failed++
		fmt.Printf("  FAIL  %s: %v\n", name, err)
		return false
	}
	r.passed++
	fmt.Printf("  pass  %s\n", name)
	return true
}

// refused passes if err is an error: the altered thing was refused.
func (r *report) refused(name string, err error) {
	if err == nil {
		r.row(name, fmt.Errorf("was accepted"))
		return
	}
	r.row(fmt.Sprintf("%s is refused (%v)", name, err), nil)
}

func (r *report) exitCode() int {
	if r.failed > 0 || r.passed == 0 {
		return 1
	}
	return 0
}
