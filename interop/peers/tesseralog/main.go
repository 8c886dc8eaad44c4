// Command tesseralog runs a log of Tessera's POSIX storage whose checkpoints are published with a quorum of witnesses only,
// adds entries one after the other, waits until each is published, and prints the last checkpoint.
//
// It is Tessera's own library as its users use it: the witnesses are asked as any log asks them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

const usage = "usage: tesseralog DIR KEYFILE POLICYFILE COUNT: adds COUNT entries to the log in DIR, prints its checkpoint"

func main() {
	flag.Usage = func() { fmt.Fprintln(os.Stderr, usage) }
	flag.Parse()
	var count int
	if flag.NArg() != 4 {
		flag.Usage()
		os.Exit(2)
	}
	if _, err := fmt.Sscanf(flag.Arg(3), "%d", &count); err != nil || count < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := run(ctx, flag.Arg(0), flag.Arg(1), flag.Arg(2), count); err != nil {
		fmt.Fprintln(os.Stderr, "tesseralog:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, keyFile, policyFile string, count int) error {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(key)))
	if err != nil {
		return err
	}
	policy, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	witnesses, err := tessera.NewWitnessGroupFromPolicy(policy)
	if err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(100*time.Millisecond).
		WithBatching(16, 50*time.Millisecond).
		WithWitnesses(witnesses, &tessera.WitnessOptions{Timeout: 10 * time.Second})
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return err
	}
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 20*time.Millisecond)
	var checkpoint []byte
	for i := range count {
		entry := tessera.NewEntry(fmt.Appendf(nil, "entry %d", i))
		// Published means: with the quorum's cosignatures. Without them this waits until the deadline, and fails.
		if _, checkpoint, err = awaiter.Await(ctx, appender.Add(ctx, entry)); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
	}
	if !witnesses.Satisfied(checkpoint) {
		return fmt.Errorf("the published checkpoint lacks the quorum:\n%s", checkpoint)
	}
	if err := shutdown(ctx); err != nil {
		return err
	}
	_, err = os.Stdout.Write(checkpoint)
	return err
}
