package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// tileHeight is that of tlog-tiles: full tiles have 2^8 hashes.
const tileHeight = 8

var client = &http.Client{Timeout: 30 * time.Second}

// log is a log as a client sees it: a place to fetch from and the key it trusts.
type log struct {
	get      func(path string) ([]byte, error)
	verifier note.Verifier
}

func newLog(url, vkey string) *log {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		fmt.Fprintf(os.Stderr, "interop: vkey %q: %v\n", vkey, err)
		os.Exit(2)
	}
	url = strings.TrimSuffix(url, "/")
	return &log{verifier: verifier, get: func(path string) ([]byte, error) {
		response, err := client.Get(url + "/" + path)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return nil, err
		}
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("GET /%s: %s: %.200s", path, response.Status, strings.TrimSpace(string(body)))
		}
		return body, nil
	}}
}

// altered is the same log, but what is fetched from path has passed through change.
func (l *log) altered(path string, change func([]byte) []byte) *log {
	get := func(p string) ([]byte, error) {
		body, err := l.get(p)
		if err == nil && p == path {
			body = change(append([]byte(nil), body...))
		}
		return body, err
	}
	return &log{get: get, verifier: l.verifier}
}

// openCheckpoint verifies a checkpoint and gives its tree. The first three lines are read as tlog-checkpoint says,
// more strictly than tlog.ParseTree, which knows one origin only.
func openCheckpoint(signed []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 {
		return tlog.Tree{}, fmt.Errorf("checkpoint has %d lines, expected 3 or more", len(lines)-1)
	}
	if lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("origin is %q, expected %q", lines[0], verifier.Name())
	}
	size, err := decimal(lines[1])
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("tree size: %w", err)
	}
	root, err := hash(lines[2])
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("root hash: %w", err)
	}
	return tlog.Tree{N: size, Hash: root}, nil
}

// decimal reads a number without sign or leading zeroes.
func decimal(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != s || n < 0 {
		return 0, fmt.Errorf("%q is not a plain decimal number", s)
	}
	return n, nil
}

func hash(s string) (tlog.Hash, error) {
	var h tlog.Hash
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("%q is not the base64 of 32 bytes", s)
	}
	return tlog.Hash(b), nil
}

// path is that of tlog-tiles: sumdb's own has the height in it, and another name for entries.
func path(t tlog.Tile) string {
	p := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	return "tile/" + strings.Replace(p, "data/", "entries/", 1)
}

// bundleAt is the entry bundle that holds the entries of a level 0 tile.
func bundleAt(t tlog.Tile) tlog.Tile {
	t.L = -1
	return t
}

// entries reads a bundle: entries with big-endian uint16 lengths, exactly count of them.
func entries(bundle []byte, count int) ([][]byte, error) {
	var all [][]byte
	for len(bundle) > 0 {
		if len(bundle) < 2 {
			return nil, errors.New("a length is cut short")
		}
		n := int(bundle[0])<<8 | int(bundle[1])
		if len(bundle) < 2+n {
			return nil, fmt.Errorf("entry %d has %d bytes, its length says %d", len(all), len(bundle)-2, n)
		}
		all, bundle = append(all, bundle[2:2+n]), bundle[2+n:]
	}
	if len(all) != count {
		return nil, fmt.Errorf("bundle has %d entries, expected %d", len(all), count)
	}
	return all, nil
}

// tiles is a tlog.TileReader over the log. What was fetched once is kept, and not trusted: TileHashReader verifies it.
type tiles struct {
	log  *log
	seen map[string][]byte
}

func (t tiles) Height() int                         { return tileHeight }
func (t tiles) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(wanted))
	for i, tile := range wanted {
		p := path(tile)
		if t.seen[p] == nil {
			body, err := t.log.get(p)
			if err != nil {
				return nil, err
			}
			t.seen[p] = body
		}
		out[i] = t.seen[p]
	}
	return out, nil
}

// hashes reads verified hashes of the tree from the log's tiles.
func (l *log) hashes(tree tlog.Tree) tlog.HashReader {
	return tlog.TileHashReader(tree, tiles{log: l, seen: map[string][]byte{}})
}
