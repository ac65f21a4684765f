package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/steadfast-go/claude/bench/internal/reporttest"
)

// TestFaults is the command: it writes the report. Then it asks for the aims.
func TestFaults(t *testing.T) {
	if len(faults) != 16 || len(oddities) != 23 {
		t.Fatalf("the aims are of 16 faults and 23 streams, not of %d and %d", len(faults), len(oddities))
	}
	folder := os.Getenv(outVariable)
	if folder == "" {
		folder = t.TempDir()
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	known, verdicts := playFaults(t), playStreams(t)
	if t.Failed() {
		return // the figures would be of something else
	}
	var b strings.Builder
	head(t, &b)
	faultTables(&b, known)
	streamTables(&b, verdicts)
	if err := os.WriteFile(filepath.Join(folder, fileName), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	played := len(slices.DeleteFunc(slices.Clone(known), func(of []string) bool { return of == nil }))
	if got := apart(known, us()); got != played {
		t.Errorf("%s tells %d of %d faults apart", steadfast, got, played)
	}
	for i, v := range verdicts {
		if v[us()] != isRight {
			t.Errorf("%s is %s about: %s", steadfast, v[us()], oddities[i].name)
		}
	}
}

func head(t *testing.T, b *strings.Builder) {
	t.Helper()
	versions, err := reporttest.Versions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(b, `# Faults

What a program can know of a failure by types and values alone, without reading the
text of errors, and what becomes of streams that are odd or broken. Everything happens
on loopback, with real sockets and a name server of the test's own. Made by
%sgo run ./bench/faults%s from the root of the repository. "raw" is hand-written net/http
and encoding/json, with care; the adapters of failsafe-go and go-retryablehttp stand
beneath the same code.

Retries are off for everybody, as the last error is what counts here. Everybody has the
same limits, but for Steadfast set on the net/http transport that all of them use. A
bold aim is met, another is not.

%s, %s/%s, %s.
`, "`", "`", runtime.Version(), runtime.GOOS, runtime.GOARCH, versions)
}
