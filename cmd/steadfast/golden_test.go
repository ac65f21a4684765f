package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// seen is what somebody sees of a command: the command line, both outputs and the
// exit code.
type seen struct {
	stdout, stderr string
	code           int
}

// call runs a command line.
func call(stdin string, args ...string) seen {
	var out, failure bytes.Buffer
	code := runWith(args, streams{&out, &failure}, input{strings.NewReader(stdin)})
	return seen{out.String(), failure.String(), code}
}

// differing are the parts of outputs that are not the same twice.
var differing = []struct {
	pattern *regexp.Regexp
	to      string
}{
	{regexp.MustCompile(`"(elapsed_ms|first_content_ms|elapsed_ns)": \d+`), `"$1": 0`},
	{regexp.MustCompile(`\b\d+(?:\.\d+)?(?:ms|µs|s)\b`), "TIME"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\b`), "DATE"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(regexp.QuoteMeta(runtime.Version())), "GO"},
	{regexp.MustCompile(`\b` + runtime.GOOS + "/" + runtime.GOARCH + `\b`), "SYSTEM"},
}

// golden compares what was seen with testdata/NAME.txt.
func golden(t *testing.T, name string, args []string, s seen, more ...string) {
	t.Helper()
	shown := make([]string, len(args))
	for i, arg := range args {
		shown[i] = arg
		if strings.ContainsAny(arg, " \n\"{}()'*") || arg == "" {
			shown[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	text := fmt.Sprintf("$ steadfast %s\n--- stdout\n%s--- stderr\n%s--- exit %d\n", strings.Join(shown, " "), s.stdout, s.stderr, s.code)
	for i := 0; i+1 < len(more); i += 2 {
		text = strings.ReplaceAll(text, more[i], more[i+1])
	}
	for _, d := range differing {
		text = d.pattern.ReplaceAllString(text, d.to)
	}
	file := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run the test with -update")
	assert.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), text, "%s: run the test with -update if this is meant", file)
}
