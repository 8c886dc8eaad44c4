// Command policy verifies a checkpoint from standard input with torchwood's policies: by a policy file, as a client of a
// witnessed log does. torchwood knows Ed25519 cosignatures only; lines by other keys are unknown to it.
//
// The exit code is 0 if the checkpoint satisfies the policy and does not without its cosignatures.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/torchwood"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: policy POLICYFILE <checkpoint")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "policy:", err)
		os.Exit(1)
	}
}

func run(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	policy, err := torchwood.ParsePolicy(text)
	if err != nil {
		return err
	}
	signed, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	checkpoint, opened, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		return err
	}
	fmt.Printf("  pass  size %d of %s, %d signatures\n", checkpoint.N, checkpoint.Origin, len(opened.Sigs))
	// The log's own line alone is no quorum.
	head, lines, found := strings.Cut(string(signed), "\n\n")
	if !found {
		return fmt.Errorf("no signed note")
	}
	var own []string
	for line := range strings.Lines(lines) {
		if strings.HasPrefix(line, "— "+checkpoint.Origin+" ") {
			own = append(own, line)
		}
	}
	if len(own) == 0 {
		return fmt.Errorf("no line of the log")
	}
	if _, _, err := torchwood.VerifyCheckpoint([]byte(head+"\n\n"+strings.Join(own, "")), policy); err == nil {
		return fmt.Errorf("accepted without cosignatures")
	}
	fmt.Println("  pass  refused without its cosignatures")
	return nil
}
