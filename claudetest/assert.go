package claudetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
)

// Verify fails the test for every step that nobody took and every request that
// found none. A [Server] does it by itself when its test ends; call it for a
// [Transport].
func (s *Script) Verify(t TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.unexpected {
		t.Errorf("claudetest: %s; the script was:\n%s", text, s.listing())
	}
	for i, slot := range s.slots {
		if slot.left > 0 && slot.step.times < always {
			t.Errorf("claudetest: step %d was taken %d times of %d; the script was:\n%s", i+1, slot.taken(), max(1, slot.step.times), s.listing())
		}
	}
}

// listing shows the script and what became of it. The lock is held.
func (s *Script) listing() string {
	var b strings.Builder
	for i, slot := range s.slots {
		fmt.Fprintf(&b, "  %d. %s: taken %d times\n", i+1, slot.step, slot.taken())
	}
	fmt.Fprintf(&b, "requests:\n")
	for _, r := range s.requests {
		fmt.Fprintf(&b, "  %d. %s %s %s: %s\n", r.Number, r.Method, r.Path, r.Model, r.Step)
	}
	return b.String()
}

// ExpectRequests fails the test unless so many requests have been made.
func (s *Script) ExpectRequests(t TB, n int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) != n {
		t.Errorf("claudetest: %d requests were made, want %d:\n%s", len(s.requests), n, s.listing())
	}
}

// ExpectMessage fails the test unless request n, from 1, asked for want, streamed or
// not. It prints where the two differ.
func (s *Script) ExpectMessage(t TB, n int, want claude.Request) {
	t.Helper()
	r, ok := s.request(t, n)
	if !ok {
		return
	}
	data, err := json.Marshal(want)
	if err != nil {
		t.Errorf("claudetest: the expected request cannot be encoded: %v", err)
		return
	}
	body := r.Body
	if r.err == nil && len(r.Message.Messages) > 0 { // the same may be said in two ways, such as text as a string
		if again, err := json.Marshal(r.Message); err == nil {
			body = again
		}
	}
	if d := diffJSON(data, without(body, "stream")); d != "" {
		t.Errorf("claudetest: request %d differs (- expected, + made):\n%s", n, d)
	}
}

// ExpectHeader fails the test unless request n, from 1, has a header of that value.
// An empty value means that it must not be there.
func (s *Script) ExpectHeader(t TB, n int, name, value string) {
	t.Helper()
	r, ok := s.request(t, n)
	if ok && r.Header.Get(name) != value {
		t.Errorf("claudetest: header of request %d differs (- expected, + made):\n- %s: %s\n+ %s: %s", n, name, value, name, r.Header.Get(name))
	}
}

// ExpectGap fails the test unless so much time passed between requests n and n+1.
func (s *Script) ExpectGap(t TB, n int, atLeast, atMost time.Duration) {
	t.Helper()
	one, ok := s.request(t, n)
	if !ok {
		return
	}
	two, ok := s.request(t, n+1)
	if !ok {
		return
	}
	if gap := two.At.Sub(one.At); gap < atLeast || gap > atMost {
		t.Errorf("claudetest: between request %d and %d passed %s, want %s to %s", n, n+1, gap, atLeast, atMost)
	}
}

func (s *Script) request(t TB, n int) (Request, bool) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n < 1 || n > len(s.requests) {
		t.Errorf("claudetest: there is no request %d:\n%s", n, s.listing())
		return Request{}, false
	}
	return s.requests[n-1], true
}

// without returns a JSON object without a member.
func without(body []byte, name string) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return body
	}
	delete(members, name)
	data, err := json.Marshal(members)
	if err != nil {
		return body
	}
	return data
}

// diffJSON compares two JSON texts by their values and shows the lines that
// differ, with those around them; "" if none do.
func diffJSON(want, got []byte) string {
	return diffLines(pretty(want), pretty(got))
}

// pretty writes a JSON text with sorted members, one a line. What is no JSON stays
// as it is.
func pretty(data []byte) []string {
	var v any
	if !json.Valid(data) || decode(data, &v) != nil {
		return strings.Split(string(data), "\n")
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return strings.Split(string(data), "\n")
	}
	return strings.Split(string(out), "\n")
}

const (
	diffContext   = 2       // lines shown around those that differ
	maxDiffLines  = 200     // lines shown
	maxComparison = 4 << 20 // lines times lines; beyond, comparing each with each takes too long
)

// diffLines is a diff by the longest common subsequence, "" if nothing differs.
func diffLines(want, got []string) string {
	head, tail := 0, 0
	for head < min(len(want), len(got)) && want[head] == got[head] {
		head++
	}
	for tail < min(len(want), len(got))-head && want[len(want)-1-tail] == got[len(got)-1-tail] {
		tail++
	}
	var lines []string
	changed := map[int]bool{}
	same := func(more []string) {
		for _, line := range more {
			lines = append(lines, "  "+line)
		}
	}
	differ := func(mark string, more ...string) {
		for _, line := range more {
			changed[len(lines)] = true
			lines = append(lines, mark+line)
		}
	}
	same(want[:head])
	compare(want[head:len(want)-tail], got[head:len(got)-tail], same, differ)
	same(want[len(want)-tail:])
	return shown(lines, changed)
}

// compare calls same and differ for what two lists have in common and what not.
func compare(want, got []string, same func([]string), differ func(mark string, more ...string)) {
	if len(want)*len(got) > maxComparison {
		differ("- ", want...)
		differ("+ ", got...)
		return
	}
	length := make([][]int, len(want)+1)
	for i := range length {
		length[i] = make([]int, len(got)+1)
	}
	for i, w := range slices.Backward(want) {
		for j, g := range slices.Backward(got) {
			if w == g {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(want) || j < len(got); {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			same(want[i : i+1])
			i++
			j++
		case j == len(got) || i < len(want) && length[i+1][j] >= length[i][j+1]:
			differ("- ", want[i])
			i++
		default:
			differ("+ ", got[j])
			j++
		}
	}
}

// shown returns the lines that changed with those around them.
func shown(lines []string, changed map[int]bool) string {
	if len(changed) == 0 {
		return ""
	}
	var b strings.Builder
	last, written := -1, 0
	for n, line := range lines {
		near := false
		for k := n - diffContext; k <= n+diffContext; k++ {
			near = near || changed[k]
		}
		if !near {
			continue
		}
		if written == maxDiffLines {
			b.WriteString("  … and more\n")
			break
		}
		if n > last+1 {
			b.WriteString("  …\n")
		}
		b.WriteString(line + "\n")
		last = n
		written++
	}
	return b.String()
}
