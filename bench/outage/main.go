// Command outage runs whole clients against the same story in virtual time: an
// outage, a brown-out, random failures, rate limits, a queue that stays full.
//
//	go run ./bench/outage          # everything; writes docs/bench/outage.md and its charts
//	go run ./bench/outage -quick   # a tenth of the processes, prints only
//
// The clients are Steadfast, the official Go SDK in both its major versions,
// hand-written net/http without retries and with a loop of three attempts, and the HTTP
// adapters of failsafe-go and go-retryablehttp over it.
//
// Virtual time is testing/synctest's, which only a test has. So the simulation is a
// test of this package, and the command runs that.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/steadfast-go/claude/bench/internal/reporttest"
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
	test := reporttest.Command{Package: "outage", Test: "TestOutage", Timeout: 10 * time.Minute, Variable: outVariable, File: fileName}
	folder := *out
	if *quick {
		test.Env = append(test.Env, quickVariable+"=1")
		if folder == "" {
			if folder, err = os.MkdirTemp("", "outage"); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
		}
	}
	path, err := test.Run(ctx, w, folder)
	if err == nil && (*out != "" || !*quick) {
		fmt.Fprintln(os.Stderr, "written to", path)
	}
	return err
}
