// Command outage runs whole clients against the same story in virtual time: an
// outage, a brown-out, random failures, rate limits, a queue that stays full.
//
//	go run ./bench/outage          # everything; writes docs/bench/outage.md and its charts
//	go run ./bench/outage -quick   # a tenth of the processes, prints only
//
// The clients are Steadfast, the official Go SDK in both its major versions, and
// hand-written net/http without retries and with a loop of three attempts.
//
// Virtual time is testing/synctest's, which only a test has. So the simulation is a
// test of this package, and the command runs that.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// What the command tells the test.
const (
	outVariable   = "OUTAGE_OUT"   // the folder to write into
	quickVariable = "OUTAGE_QUICK" // anything: a quick run
	fileName      = "outage.md"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "outage:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) (err error) {
	flags := flag.NewFlagSet("outage", flag.ContinueOnError)
	quick := flags.Bool("quick", false, "run a tenth of the processes")
	out := flags.String("out", "", "write the report into this `folder`; a full run writes docs/bench")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := packageDir(ctx)
	if err != nil {
		return err
	}
	folder := *out
	switch {
	case folder != "":
	case *quick:
		if folder, err = os.MkdirTemp("", "outage"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	default:
		folder = filepath.Join(dir, "..", "..", "docs", "bench")
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return err
	}
	// A cached result would write nothing, hence -count=1.
	test := exec.CommandContext(ctx, "go", "test", "-run", "^TestOutage$", "-count=1", "-v", "-timeout", "10m", ".")
	test.Dir = dir
	test.Env = append(os.Environ(), outVariable+"="+folder)
	if *quick {
		test.Env = append(test.Env, quickVariable+"=1")
	}
	test.Stdout, test.Stderr = os.Stderr, os.Stderr
	if err := test.Run(); err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	report, err := os.ReadFile(filepath.Join(folder, fileName))
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, bytes.NewReader(report)); err != nil {
		return err
	}
	if *out != "" || !*quick {
		fmt.Fprintln(os.Stderr, "written to", filepath.Join(folder, fileName))
	}
	return nil
}

// packageDir is the folder of this package's source.
func packageDir(ctx context.Context) (string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "github.com/steadfast-go/claude/bench/outage")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("run it within the repository: go list: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
