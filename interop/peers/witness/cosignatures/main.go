// Command cosignatures verifies a signed note from standard input with the note library of transparency-dev (the one that
// omniwitness and Tessera use), by each vkey given, Ed25519 or ML-DSA-44; and sees that altered ones are refused.
//
// The exit code is 0 if every key has a good signature and nothing altered was accepted.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: cosignatures VKEY... <note")
		os.Exit(2)
	}
	signed, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	failed := false
	for _, vkey := range os.Args[1:] {
		if err := check(signed, vkey); err != nil {
			fmt.Printf("  FAIL  %s: %v\n", vkey, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func check(signed []byte, vkey string) error {
	verifier, err := fnote.NewVerifier(vkey)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s+%08x", verifier.Name(), verifier.KeyHash())
	known := note.VerifierList(verifier)
	if _, err := note.Open(signed, known); err != nil {
		return err
	}
	fmt.Printf("  pass  %s signed it\n", name)
	// The size is in the message of every algorithm, unlike extension lines.
	lines := strings.SplitAfterN(string(signed), "\n", 3)
	if len(lines) != 3 {
		return fmt.Errorf("no checkpoint")
	}
	other := lines[0] + strings.TrimSuffix(lines[1], "\n") + "0\n" + lines[2]
	if _, err := note.Open([]byte(other), known); err == nil {
		return fmt.Errorf("accepted with another size")
	}
	altered, err := alterSignature(signed, verifier)
	if err != nil {
		return err
	}
	if _, err := note.Open(altered, known); err == nil {
		return fmt.Errorf("accepted with an altered signature")
	}
	fmt.Printf("  pass  %s is refused with another size, and altered\n", name)
	return nil
}

// alterSignature changes a character in the middle of the verifier's signature line.
func alterSignature(signed []byte, verifier note.Verifier) ([]byte, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return nil, err
	}
	encoded := opened.Sigs[0].Base64
	middle := len(encoded) / 2
	other := byte('A')
	if encoded[middle] == other {
		other = 'B'
	}
	altered := encoded[:middle] + string(other) + encoded[middle+1:]
	return bytes.Replace(signed, []byte(encoded), []byte(altered), 1), nil
}
