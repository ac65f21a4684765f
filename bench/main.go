// Command bench measures Steadfast beside what else calls the Messages API from Go:
// hand-written net/http with encoding/json, the official Go SDK in both its major
// versions, and the HTTP adapters of failsafe-go and go-retryablehttp over the
// hand-written code.
//
//	go run ./bench               # everything, some ten minutes; writes docs/bench
//	go run ./bench -quick        # a few seconds, prints only
//	go run ./bench -only unary   # one scenario, prints only
//
// Everybody does the same work in turn, in rounds, and whoever gives a wrong answer
// fails the run. The figures are medians of the rounds.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A scenario is one comparison.
type scenario struct {
	name  string
	title string
	about string // how it is measured
	who   []string
	rows  []row
	chart string // what the rows marked for it show; empty for none

	prepare func(o options) (trial, error)
}

// trial is a scenario that is ready.
type trial struct {
	// round measures everybody once, in this order.
	round func(ctx context.Context, who []string) (map[string]numbers, error)
	close func() // may be nil
}

// oneByOne is a round in which each is measured alone.
func oneByOne(measure func(ctx context.Context, who string) (numbers, error)) func(context.Context, []string) (map[string]numbers, error) {
	return func(ctx context.Context, everybody []string) (map[string]numbers, error) {
		all := make(map[string]numbers)
		for _, who := range everybody {
			n, err := measure(ctx, who)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", who, err)
			}
			all[who] = n
			fmt.Fprint(os.Stderr, ".")
		}
		return all, nil
	}
}

// row is one figure of a scenario.
type row struct {
	name  string
	unit  string
	more  bool // more is better
	chart bool // it is in the scenario's chart
	aims  []aim
}

// aim is what Steadfast is to reach: a multiple of another contender's figure, or
// a figure.
type aim struct {
	of    string
	bound float64
}

type options struct {
	rounds int
	quick  bool
	only   string
	out    string
}

// pick returns a, or b in a quick run.
func pick[T any](o options, a, b T) T {
	if o.quick {
		return b
	}
	return a
}

// length is how long a sample takes.
func (o options) length() time.Duration { return pick(o, 300*time.Millisecond, 5*time.Millisecond) }

func scenarios() []scenario {
	all := []scenario{unary(), roundTrip(), request(), bigAnswer()}
	all = append(all, streams()...)
	return append(all, firstDelta(), openStreams(), builds())
}

func main() {
	var err error
	if len(os.Args) > 1 && os.Args[1] == childArg {
		err = child(os.Args[2:])
	} else {
		err = run(os.Args[1:], os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 5, "how often everybody is measured")
	flags.BoolVar(&o.quick, "quick", false, "a short run that shows that everything works; its figures say little")
	flags.StringVar(&o.only, "only", "", "run the scenario of this `name` alone")
	flags.StringVar(&o.out, "out", "", "write the report into this `folder`; a full run writes docs/bench")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.quick {
		o.rounds = 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	hideEnvironment()
	if o.out == "" && !o.quick && o.only == "" {
		dir, err := moduleDir(ctx)
		if err != nil {
			return err
		}
		o.out = filepath.Join(dir, "..", "docs", "bench")
	}
	results := make([]result, 0, 16)
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
		if o.only != "" && o.only != s.name || o.quick && o.only == "" && s.name == "build" {
			continue
		}
		r, err := compete(ctx, s, o)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		results = append(results, r)
	}
	if len(results) == 0 {
		return fmt.Errorf("there is no scenario %q, only %s", o.only, strings.Join(names, ", "))
	}
	if err := report(w, o, results, ""); err != nil {
		return err
	}
	if o.out == "" {
		return nil
	}
	return write(o, results)
}

// hideEnvironment keeps a developer's own settings out of the measurement.
func hideEnvironment() {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "ANTHROPIC_") {
			_ = os.Unsetenv(name)
		}
	}
}

// result is a scenario with all that was measured.
type result struct {
	scenario

	values map[string]map[string][]float64 // by row and contender
}

// compete measures everybody in turn, in rounds; each round begins with another.
func compete(ctx context.Context, s scenario, o options) (result, error) {
	r := result{s, make(map[string]map[string][]float64)}
	t, err := s.prepare(o)
	if err != nil {
		return r, err
	}
	if t.close != nil {
		defer t.close()
	}
	fmt.Fprintf(os.Stderr, "%s ", s.name)
	for round := range o.rounds {
		shift := round % len(s.who)
		all, err := t.round(ctx, slices.Concat(s.who[shift:], s.who[:shift]))
		if err != nil {
			return r, err
		}
		for who, n := range all {
			for name, value := range n {
				if !slices.ContainsFunc(s.rows, func(r row) bool { return r.name == name }) {
					return r, fmt.Errorf("no row is called %q", name)
				}
				if r.values[name] == nil {
					r.values[name] = make(map[string][]float64)
				}
				r.values[name][who] = append(r.values[name][who], value)
			}
		}
	}
	fmt.Fprintln(os.Stderr)
	return r, nil
}
