package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/steadfast-go/claude/bench/internal/reporttest"
)

// TestOutage is the command: it writes the report. As a mere test it is a quick run.
func TestOutage(t *testing.T) {
	for _, entry := range os.Environ() { // a developer's own settings are no part of it
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "ANTHROPIC_") {
			t.Setenv(name, "")
			_ = os.Unsetenv(name)
		}
	}
	folder, quick := os.Getenv(outVariable), os.Getenv(quickVariable) != ""
	if folder == "" {
		folder, quick = t.TempDir(), true
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	processes := 200
	if quick {
		processes = 20
	}
	begin := time.Now()
	var b strings.Builder
	head(t, &b, quick)
	for _, section := range sections(processes) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n|  |", section.title, section.about)
		for _, c := range contenders {
			fmt.Fprintf(&b, " %s |", c.name)
		}
		fmt.Fprintf(&b, " aim |\n| --- |%s --- |\n", strings.Repeat(" --- |", len(contenders)))
		var charts strings.Builder
		for _, s := range section.stories {
			worlds := make([]*world, len(contenders))
			for i := range contenders {
				worlds[i] = play(t, &s, &contenders[i])
			}
			s.table(&b, worlds)
			if s.chart != "" {
				name := "outage-" + s.chart + ".svg"
				if err := draw(filepath.Join(folder, name), &s, worlds); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&charts, "\n![%s](%s)\n", s.caption, name)
			}
			t.Logf("%s: %s %s", time.Since(begin).Round(time.Second), section.title, s.label)
		}
		b.WriteString(charts.String())
	}
	if err := os.WriteFile(filepath.Join(folder, fileName), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func head(t *testing.T, b *strings.Builder, quick bool) {
	t.Helper()
	versions, err := reporttest.Versions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(b, `# Outages

Whole clients, as made by default, in virtual time: each process has a client object
of its own, and a server in memory plays the same story to each kind. Made by
%sgo run ./bench/outage%s from the root of the repository. "raw" is hand-written
net/http without retries; "raw, 3 attempts" is that with a loop that tries again after
0.5 and 1 s whatever went wrong; failsafe-go (retries, circuit breaker) and
go-retryablehttp (retries) are their HTTP adapters around it, as they come.

Calls begin at the same random times for everybody. Jitter within the clients is their
own, so figures differ a little from run to run; recovery most, by a second or two, as
it is the very last of many calls. Every answer is compared with what was sent. A bold
aim is met, another is not.
`, "`", "`")
	if quick {
		b.WriteString("\nThis was a quick run, with a tenth of the processes.\n")
	}
	fmt.Fprintf(b, "\n%s, %s/%s, %s.\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		versions)
}

// table writes the rows of a story.
func (s *story) table(b *strings.Builder, worlds []*world) {
	for _, r := range s.rows {
		name := r.name
		if s.label != "" {
			name = s.label + ": " + name
		}
		fmt.Fprintf(b, "| %s |", name)
		for _, w := range worlds {
			fmt.Fprintf(b, " %s |", figure(r.of(w)))
		}
		fmt.Fprintf(b, " %s |\n", aim(r.aim, r.of(worlds[0])))
	}
}

// aim is bold where the value meets it.
func aim(text string, value float64) string {
	if text == "" {
		return ""
	}
	number, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimLeft(text, "≤≥ "), ",", ""), 64)
	if err != nil {
		panic(err)
	}
	met := value <= number
	if strings.HasPrefix(text, "≥") {
		met = value >= number
	}
	if met {
		return "**" + text + "**"
	}
	return text
}

// figure writes a value with as many digits as say something.
func figure(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "never"
	case v >= 1000:
		return fmt.Sprintf("%d,%03d", int(v+.5)/1000, int(v+.5)%1000)
	case v == float64(int(v)):
		return strconv.Itoa(int(v))
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
