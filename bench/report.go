package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// write writes the report and its charts into a folder.
func write(o options, results []result) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	for i := range results {
		if results[i].chart == "" {
			continue
		}
		if err := draw(filepath.Join(o.out, results[i].name+".svg"), &results[i]); err != nil {
			return err
		}
	}
	var b strings.Builder
	if err := report(&b, o, results, ".svg"); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.out, "README.md"), []byte(b.String()), 0o644)
}

// report prints the tables; where the charts have an extension, they are shown too.
func report(w io.Writer, o options, results []result, chart string) error {
	p := &printer{w: w}
	p.linef("# Figures")
	p.linef("")
	p.linef("Steadfast beside hand-written net/http and encoding/json (raw), the official Go")
	p.linef("SDK in both its major versions and, where they do something of their own, the")
	p.linef("HTTP adapters of failsafe-go and go-retryablehttp over the hand-written code.")
	p.linef("Made by `go run ./bench` from the root of the repository: everybody in turn, medians of %d.", o.rounds)
	p.linef("Every answer is compared with what was sent, so nobody is fast by being wrong.")
	p.linef("A column ÷ has Steadfast's figure over that contender's. A bold aim is met, another")
	p.linef("is not. Allocations and bytes are the same in each run; times depend on the machine.")
	p.linef("")
	if chart != "" {
		p.linef("What fleets do to a server in trouble is in [outage.md](outage.md), what clients make of")
		p.linef("faults and of odd streams in [faults.md](faults.md).")
		p.linef("")
	}
	p.linef("%s.", machine())
	p.linef("%s.", strings.Join(versions(), ", "))
	for i := range results {
		r := &results[i]
		p.linef("\n## %s\n", r.title)
		p.linef("%s\n", r.about)
		r.table(p)
		if chart != "" && r.chart != "" {
			p.linef("\n![%s](%s%s)", r.chart, r.name, chart)
		}
	}
	return p.err
}

// printer prints until that fails.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) linef(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (r *result) table(p *printer) {
	rivals := slices.DeleteFunc([]string{byHand, official1, official2}, func(who string) bool { return !slices.Contains(r.who, who) })
	head := []string{""}
	head = append(head, r.who...)
	for _, who := range rivals {
		head = append(head, "÷ "+who)
	}
	head = append(head, "aim")
	p.linef("| %s |", strings.Join(head, " | "))
	p.linef("|%s", strings.Repeat(" --- |", len(head)))
	for _, row := range r.rows {
		name := row.name
		if row.unit != "" {
			name += ", " + row.unit
		}
		cells := []string{name}
		for _, who := range r.who {
			cells = append(cells, figure(r.value(row.name, who)))
		}
		for _, who := range rivals {
			cells = append(cells, ratio(r.value(row.name, steadfast)/r.value(row.name, who)))
		}
		aims := make([]string, 0, len(row.aims))
		for _, a := range row.aims {
			aims = append(aims, r.judge(row, a))
		}
		p.linef("| %s |", strings.Join(append(cells, strings.Join(aims, ", ")), " | "))
	}
}

// value is the median of what was measured, NaN for nothing.
func (r *result) value(row, who string) float64 {
	if len(r.values[row][who]) == 0 {
		return math.NaN()
	}
	return median(r.values[row][who])
}

// judge renders an aim, bold if it is met.
func (r *result) judge(row row, a aim) string {
	limit, text := a.bound, figure(a.bound)
	if a.of != "" {
		limit, text = a.bound*r.value(row.name, a.of), ratio(a.bound)+" "+a.of
	}
	got, sign := r.value(row.name, steadfast), "≤ "
	met := got <= limit
	if row.more {
		met, sign = got >= limit, "≥ "
	}
	if met {
		return "**" + sign + text + "**"
	}
	return sign + text
}

// figure renders a number with three digits that count.
func figure(x float64) string {
	switch size := math.Abs(x); {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "–"
	case size >= 10_000:
		digits := strconv.FormatFloat(x, 'f', 0, 64)
		for i := len(digits) - 3; i > 0; i -= 3 {
			digits = digits[:i] + "," + digits[i:]
		}
		return digits
	case size >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case size >= 10:
		return short(x, 1)
	case size >= 0.1:
		return short(x, 2)
	}
	return short(x, 4)
}

func short(x float64, digits int) string {
	text := strconv.FormatFloat(x, 'f', digits, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func ratio(x float64) string {
	if text := figure(x); text != "–" {
		return text + "×"
	}
	return "–"
}

// machine says what this ran on.
func machine() string {
	processor := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo") // only Linux tells
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			processor = strings.TrimSpace(strings.TrimLeft(name, "\t: "))
			break
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", processor, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// versions are those of the contenders.
func versions() (all []string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	for _, dep := range info.Deps {
		for _, path := range []string{"anthropics/anthropic-sdk-go", "anthropics/anthropic-sdk-go/v2", "failsafe-go/failsafe-go", "hashicorp/go-retryablehttp"} {
			if dep.Path == "github.com/"+path {
				all = append(all, dep.Path+" "+dep.Version)
			}
		}
	}
	return all
}
