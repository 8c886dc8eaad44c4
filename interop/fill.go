package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// batchEntries is below the default limit of a batch (65,536 entries, 8 MiB).
const batchEntries = 10_000

// publishDeadline is how long the log may take to publish what it acknowledged.
const publishDeadline = 60 * time.Second

// fill adds count entries of 1 to 300 bytes and waits until a checkpoint covers them.
func fill(url string, count int64) error {
	url = strings.TrimSuffix(url, "/")
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	end := int64(0)
	for done := int64(0); done < count; {
		n := min(count-done, batchEntries)
		var body bytes.Buffer
		for range n {
			entry := make([]byte, 1+random.IntN(300))
			for i := range entry {
				entry[i] = byte(random.Uint32())
			}
			body.Write(binary.BigEndian.AppendUint16(nil, uint16(len(entry))))
			body.Write(entry)
		}
		last, err := addBatch(url, &body, n)
		if err != nil {
			return err
		}
		done, end = done+n, max(end, last)
	}
	return waitPublished(url, end)
}

// addBatch posts a batch and gives the index after its last entry. The answer: one line `first-index count` a run.
func addBatch(url string, body io.Reader, n int64) (int64, error) {
	response, err := client.Post(url+"/add-batch", "application/octet-stream", body)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("POST /add-batch: %s: %.200s", response.Status, answer)
	}
	total, end := int64(0), int64(0)
	for line := range strings.Lines(string(answer)) {
		first, count, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		index, err := decimal(first)
		if err != nil {
			return 0, fmt.Errorf("answer of /add-batch: %w", err)
		}
		run, err := decimal(count)
		if err != nil {
			return 0, fmt.Errorf("answer of /add-batch: %w", err)
		}
		total, end = total+run, max(end, index+run)
	}
	if total != n {
		return 0, fmt.Errorf("answer of /add-batch is for %d entries, expected %d", total, n)
	}
	return end, nil
}

func waitPublished(url string, size int64) error {
	published := int64(-1)
	for end := time.Now().Add(publishDeadline); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		response, err := client.Get(url + "/checkpoint")
		if err != nil {
			return err
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return err
		}
		if lines := strings.Split(string(body), "\n"); len(lines) > 2 {
			if published, err = decimal(lines[1]); err == nil && published >= size {
				return nil
			}
		}
	}
	return fmt.Errorf("published size is %d after %v, expected %d", published, publishDeadline, size)
}
