package main

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func checkTree(rows *report, l *log) {
	signed, err := l.get("checkpoint")
	if !rows.row("fetch the checkpoint", err) {
		return
	}
	tree, err := openCheckpoint(signed, l.verifier)
	if !rows.row(fmt.Sprintf("checkpoint of size %d is signed by %s", tree.N, l.verifier.Name()), err) {
		return
	}
	checkAlteredCheckpoints(rows, signed, l.verifier)
	if tree.N == 0 {
		rows.row("tree to read", errors.New("the log is empty: add entries first"))
		return
	}

	own, err := rebuild(l, tree)
	if !rows.row(fmt.Sprintf("root recomputed from %d entries is the checkpoint's", tree.N), err) {
		return
	}
	all := tlog.NewTiles(tileHeight, 0, tree.N)
	rows.row(fmt.Sprintf("%d tiles are those of the recomputed tree, byte for byte", len(all)), compareTiles(l, all, own))
	checkProofs(rows, l, tree, own)
	checkAlteredTiles(rows, l, tree, all)
	checkAlteredBundles(rows, l, tree, all)
}

// stored holds the hashes of a tree in tlog's storage order.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(s)) {
			return nil, fmt.Errorf("hash %d of %d asked for", x, len(s))
		}
		out[i] = s[x]
	}
	return out, nil
}

// rebuild hashes every entry of every bundle and compares the root with the checkpoint's.
func rebuild(l *log, tree tlog.Tree) (stored, error) {
	own := make(stored, 0, 2*tree.N)
	for n := int64(0); n < tree.N; {
		width := min(tree.N-n, 1<<tileHeight)
		p := path(tlog.Tile{H: tileHeight, L: -1, N: n >> tileHeight, W: int(width)})
		body, err := l.get(p)
		if err != nil {
			return nil, err
		}
		list, err := entries(body, int(width))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		for _, entry := range list {
			h, err := tlog.StoredHashes(n, entry, own)
			if err != nil {
				return nil, err
			}
			own = append(own, h...)
			n++
		}
	}
	root, err := tlog.TreeHash(tree.N, own)
	if err == nil && root != tree.Hash {
		err = fmt.Errorf("root is %v, expected %v", root, tree.Hash)
	}
	return own, err
}

func compareTiles(l *log, all []tlog.Tile, own stored) error {
	for _, t := range all {
		got, err := l.get(path(t))
		if err != nil {
			return err
		}
		expected, err := tlog.ReadTileData(t, own)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, expected) {
			return fmt.Errorf("%s differs from the hashes of the entries", path(t))
		}
	}
	return nil
}

// spread gives places where trees have their edges, and some between: all below limit, in order, each once.
func spread(limit int64) []int64 {
	var out []int64
	for _, n := range []int64{0, 1, 2, 255, 256, 257, limit / 3, limit / 2, 65535, 65536, 65537, limit - 257, limit - 2, limit - 1} {
		if n >= 0 && n < limit && (len(out) == 0 || n > out[len(out)-1]) {
			out = append(out, n)
		}
	}
	return out
}

// checkProofs makes inclusion and consistency proofs from the log's tiles and checks them against the recomputed hashes.
func checkProofs(rows *report, l *log, tree tlog.Tree, own stored) {
	served := l.hashes(tree)
	indexes := spread(tree.N)
	inclusion := func() error {
		for _, i := range indexes {
			leaf, err := own.ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
			if err != nil {
				return err
			}
			proof, err := tlog.ProveRecord(tree.N, i, served)
			if err != nil {
				return fmt.Errorf("index %d: %w", i, err)
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, i, leaf[0]); err != nil {
				return fmt.Errorf("index %d: %w", i, err)
			}
		}
		return nil
	}
	rows.row(fmt.Sprintf("%d inclusion proofs made from the tiles", len(indexes)), inclusion())

	consistency := func() error {
		for _, i := range indexes {
			old := i + 1
			root, err := tlog.TreeHash(old, own)
			if err != nil {
				return err
			}
			proof, err := tlog.ProveTree(tree.N, old, served)
			if err != nil {
				return fmt.Errorf("from size %d: %w", old, err)
			}
			if err := tlog.CheckTree(proof, tree.N, tree.Hash, old, root); err != nil {
				return fmt.Errorf("from size %d: %w", old, err)
			}
		}
		return nil
	}
	rows.row(fmt.Sprintf("%d consistency proofs made from the tiles", len(indexes)), consistency())
}

func checkAlteredCheckpoints(rows *report, signed []byte, verifier note.Verifier) {
	lines := bytes.SplitAfter(signed, []byte("\n"))
	size := len(lines[0])
	root := size + len(lines[1])
	for _, row := range []struct {
		name   string
		offset int
	}{
		{"checkpoint with a byte of its origin changed", 0},
		{"checkpoint with a digit of its size changed", size},
		{"checkpoint with a byte of its root hash changed", root + 5},
		{"checkpoint with a byte of its signature changed", signatureByte(signed, verifier)},
	} {
		_, err := openCheckpoint(alterAt(signed, row.offset), verifier)
		rows.refused(row.name, err)
	}
}

// signatureByte is the offset of a base64 digit of the signature by verifier, behind its key id.
func signatureByte(signed []byte, verifier note.Verifier) int {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		panic("only called with what has been opened: " + err.Error())
	}
	return bytes.LastIndex(signed, []byte(opened.Sigs[0].Base64)) + 20
}

func alterAt(b []byte, offset int) []byte {
	b = bytes.Clone(b)
	b[offset] = otherDigit(b[offset])
	return b
}

// otherDigit gives another byte that is a decimal digit, a letter and a base64 digit as far as b is.
func otherDigit(b byte) byte {
	switch b {
	case '9', 'z', 'Z':
		return b - 1
	case '+', '/', '=':
		return 'A'
	}
	return b + 1
}

func flip(offset int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[offset%len(b)] ^= 1
		return b
	}
}

// lastOf gives the first full and the last tile of each level: those a change of which must be noticed.
func lastOf(all []tlog.Tile) []tlog.Tile {
	var out []tlog.Tile
	last := map[int]tlog.Tile{}
	for _, t := range all {
		if t.N == 0 && t.W == 1<<tileHeight {
			out = append(out, t)
		}
		last[t.L] = t
	}
	for level := 0; level < len(last); level++ {
		if t := last[level]; t.N > 0 || t.W < 1<<tileHeight {
			out = append(out, t)
		}
	}
	return out
}

// checkAlteredTiles changes one byte of a tile and asks for a hash of it.
func checkAlteredTiles(rows *report, l *log, tree tlog.Tree, all []tlog.Tile) {
	for _, t := range lastOf(all) {
		altered := l.altered(path(t), flip(7))
		first := t.N << tileHeight
		_, err := altered.hashes(tree).ReadHashes([]int64{tlog.StoredHashIndex(t.L*tileHeight, first)})
		rows.refused(fmt.Sprintf("%s with a bit flipped", path(t)), err)
	}
}

// checkAlteredBundles changes a bundle and compares its entries with the level 0 tile, as a monitor does.
func checkAlteredBundles(rows *report, l *log, tree tlog.Tree, all []tlog.Tile) {
	for _, t := range lastOf(all) {
		if t.L != 0 {
			continue
		}
		p := path(bundleAt(t))
		whole, err := l.get(p)
		if !rows.row("entries of "+p+" are those of its tile", errors.Join(err, checkBundle(l, tree, t))) {
			continue
		}
		for _, row := range []struct {
			name   string
			change func([]byte) []byte
		}{
			{"a bit of its first entry flipped", flip(2)},
			{"a bit of its last entry flipped", flip(len(whole) - 1)},
			{"a bit of its first length flipped", flip(1)},
			{"its last byte cut off", func(b []byte) []byte { return b[:len(b)-1] }},
			{"one empty entry more", func(b []byte) []byte { return append(b, 0, 0) }},
		} {
			rows.refused(p+" with "+row.name, checkBundle(l.altered(p, row.change), tree, t))
		}
	}
}

// checkBundle compares the entries of a bundle with the verified hashes of its level 0 tile.
func checkBundle(l *log, tree tlog.Tree, t tlog.Tile) error {
	body, err := l.get(path(bundleAt(t)))
	if err != nil {
		return err
	}
	list, err := entries(body, t.W)
	if err != nil {
		return err
	}
	indexes := make([]int64, t.W)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, t.N<<tileHeight+int64(i))
	}
	leaves, err := l.hashes(tree).ReadHashes(indexes)
	if err != nil {
		return err
	}
	for i, entry := range list {
		if tlog.RecordHash(entry) != leaves[i] {
			return fmt.Errorf("entry %d does not hash to the leaf", t.N<<tileHeight+int64(i))
		}
	}
	return nil
}
