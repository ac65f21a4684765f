// Command faults plays faults to clients of the Messages API, over real sockets on
// loopback, and shows what a program that uses each client can know of them: 16 ways in
// which the transport fails, and 23 odd or broken streams.
//
//	go run ./bench/faults   # some seconds; writes docs/bench/faults.md
//
// The clients are Steadfast, hand-written net/http with encoding/json, the official Go
// SDK in both its major versions, and the HTTP adapters of failsafe-go and
// go-retryablehttp over the hand-written code.
//
// What provokes the faults are helpers of tests. So the comparison is a test of this
// package, and the command runs that.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/steadfast-go/claude/bench/internal/reporttest"
)

const (
	outVariable = "FAULTS_OUT" // tells the test the folder to write into
	fileName    = "faults.md"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	out := flags.String("out", "", "write the report into this `folder`, not docs/bench")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	test := reporttest.Command{Package: "faults", Test: "TestFaults", Timeout: 2 * time.Minute, Variable: outVariable, File: fileName}
	path, err := test.Run(ctx, w, *out)
	if err == nil {
		fmt.Fprintln(os.Stderr, "written to", path)
	}
	return err
}
