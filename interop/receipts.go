package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// receipt is a tlog-proof, parsed.
type receipt struct {
	index      int64
	proof      tlog.RecordProof
	checkpoint []byte
}

// parseReceipt reads c2sp.org/tlog-proof@v1, line by line as its section "Format" says.
func parseReceipt(text []byte) (receipt, error) {
	var r receipt
	head, checkpoint, found := bytes.Cut(text, []byte("\n\n"))
	if !found {
		return r, errors.New("no empty line before the checkpoint")
	}
	lines := strings.Split(string(head), "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		return r, fmt.Errorf("first line is %q", lines[0])
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return r, errors.New("no index line")
	}
	index, err := decimal(strings.TrimPrefix(lines[0], "index "))
	if err != nil {
		return r, fmt.Errorf("index: %w", err)
	}
	for _, line := range lines[1:] {
		h, err := hash(line)
		if err != nil {
			return r, fmt.Errorf("proof line: %w", err)
		}
		r.proof = append(r.proof, h)
	}
	r.index, r.checkpoint = index, checkpoint
	return r, nil
}

// verifyReceipt accepts a receipt if its checkpoint is signed and includes one of the leaves; it gives the index.
func verifyReceipt(text []byte, verifier note.Verifier, leaves ...[]byte) (int64, error) {
	r, err := parseReceipt(text)
	if err != nil {
		return 0, err
	}
	tree, err := openCheckpoint(r.checkpoint, verifier)
	if err != nil {
		return 0, err
	}
	err = errors.New("no entry to check")
	for _, leaf := range leaves {
		if err = tlog.CheckRecord(r.proof, tree.N, tree.Hash, r.index, tlog.RecordHash(leaf)); err == nil {
			break
		}
	}
	return r.index, err
}

// checkReceipts fetches receipts from the log itself and checks them against its entry bundles.
func checkReceipts(rows *report, l *log, count int64) {
	signed, err := l.get("checkpoint")
	if !rows.row("fetch the checkpoint", err) {
		return
	}
	tree, err := openCheckpoint(signed, l.verifier)
	if !rows.row("checkpoint is signed", err) {
		return
	}
	if tree.N == 0 {
		rows.row("receipts to fetch", errors.New("the log is empty"))
		return
	}
	var text, entry []byte
	verify := func(index int64) error {
		if text, err = l.get(fmt.Sprintf("receipt/%d", index)); err != nil {
			return err
		}
		if entry, err = l.entry(index, tree.N); err != nil {
			return err
		}
		got, err := verifyReceipt(text, l.verifier, entry)
		if err == nil && got != index {
			err = fmt.Errorf("receipt is for index %d", got)
		}
		return err
	}
	all := func() error {
		for i := range count {
			index := i * tree.N / count
			if err := verify(index); err != nil {
				return fmt.Errorf("index %d: %w", index, err)
			}
		}
		return verify(tree.N - 1)
	}
	if rows.row(fmt.Sprintf("%d receipts from /receipt/<index>", count+1), all()) {
		checkAlteredReceipt(rows, text, l.verifier, entry)
	}
}

// entry reads one entry from its bundle.
func (l *log) entry(index, size int64) ([]byte, error) {
	n := index >> tileHeight
	width := min(size-n<<tileHeight, 1<<tileHeight)
	body, err := l.get(path(tlog.Tile{H: tileHeight, L: -1, N: n, W: int(width)}))
	if err != nil {
		return nil, err
	}
	list, err := entries(body, int(width))
	if err != nil {
		return nil, err
	}
	return list[index&(1<<tileHeight-1)], nil
}

func checkAlteredReceipt(rows *report, text []byte, verifier note.Verifier, leaf []byte) {
	r, err := parseReceipt(text)
	if err != nil || len(r.proof) == 0 {
		rows.row("receipt to alter", errors.Join(err, errors.New("it needs at least one hash of proof")))
		return
	}
	replace := func(old, new string) []byte { return bytes.Replace(text, []byte(old), []byte(new), 1) }
	index, first := fmt.Sprintf("index %d\n", r.index), r.proof[0].String()+"\n"
	root := strings.SplitN(string(r.checkpoint), "\n", 4)[2]
	for _, row := range []struct {
		name string
		text []byte
		leaf []byte
	}{
		{"receipt for another entry", text, append([]byte{1}, leaf...)},
		{"receipt with another first line", replace("proof@v1", "proof@v2"), leaf},
		{"receipt with its index changed", replace(index, fmt.Sprintf("index %d\n", r.index^1)), leaf},
		{"receipt with a leading zero in its index", replace(index, fmt.Sprintf("index 0%d\n", r.index)), leaf},
		{"receipt with a bit of a proof hash flipped", replace(first, flipped(r.proof[0]).String()+"\n"), leaf},
		{"receipt with a proof hash missing", replace(first, ""), leaf},
		{"receipt with a proof hash too many", replace(first, first+first), leaf},
		{"receipt with another root in its checkpoint", replace(root, flipped(r.proof[0]).String()), leaf},
		{"receipt with a byte of the signature changed", alterAt(text, len(text)-len(r.checkpoint)+signatureByte(r.checkpoint, verifier)), leaf},
		{"receipt without the empty line", replace("\n\n", "\n"), leaf},
		{"receipt cut after the proof", text[:bytes.Index(text, []byte("\n\n"))+2], leaf},
	} {
		if bytes.Equal(row.text, text) && bytes.Equal(row.leaf, leaf) {
			rows.row(row.name, errors.New("the alteration changed nothing"))
			continue
		}
		_, err := verifyReceipt(row.text, verifier, row.leaf)
		rows.refused(row.name, err)
	}
}

func flipped(h tlog.Hash) tlog.Hash {
	h[3] ^= 1
	return h
}

// checkFiles verifies FILE with FILE.tlog-proof for all files of a directory: the entry is the file's SHA-256, or the file.
func checkFiles(rows *report, vkey, dir string) {
	verifier, err := note.NewVerifier(vkey)
	if !rows.row("vkey", err) {
		return
	}
	count := 0
	var text, content []byte
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".tlog-proof") {
			return err
		}
		if content, err = os.ReadFile(strings.TrimSuffix(name, ".tlog-proof")); err != nil {
			return err
		}
		if text, err = os.ReadFile(name); err != nil {
			return err
		}
		digest := sha256.Sum256(content)
		if _, err = verifyReceipt(text, verifier, digest[:], content); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		count++
		return nil
	})
	if err == nil && count == 0 {
		err = fmt.Errorf("no *.tlog-proof under %s", dir)
	}
	if rows.row(fmt.Sprintf("%d files with the receipts that were written for them", count), err) {
		content = append(content, 'x')
		digest := sha256.Sum256(content)
		_, err = verifyReceipt(text, verifier, digest[:], content)
		rows.refused("file with a byte appended", err)
	}
}
