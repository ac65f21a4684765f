package claudetest

import (
	"bytes"
	"encoding/json"
	"fmt"
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
			t.Errorf("claudetest: step %d was not taken; the script was:\n%s", i+1, s.listing())
		}
	}
}

// listing shows the script and what became of it. The lock is held.
func (s *Script) listing() string {
	var b strings.Builder
	for i, slot := range s.slots {
		fmt.Fprintf(&b, "  %d. %s: taken %d times\n", i+1, slot.step, slot.taken)
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

// ExpectMessage fails the test unless request n, from 1, asked for want. It prints
// where the two differ.
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
	if d := diffJSON(data, without(r.Body, "stream")); d != "" {
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

// pretty writes a JSON text with sorted members, one a line.
func pretty(data []byte) []string {
	var v any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return strings.Split(string(data), "\n")
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return strings.Split(string(data), "\n")
	}
	return strings.Split(string(out), "\n")
}

const (
	diffContext  = 2
	maxDiffLines = 2000 // beyond, comparing each with each takes too long
)

// diffLines is a diff by the longest common subsequence.
func diffLines(want, got []string) string {
	if len(want) > maxDiffLines || len(got) > maxDiffLines {
		if strings.Join(want, "\n") == strings.Join(got, "\n") {
			return ""
		}
		want, got = want[:min(len(want), maxDiffLines)], got[:min(len(got), maxDiffLines)]
	}
	length := make([][]int, len(want)+1)
	for i := range length {
		length[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i] == got[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var lines []string
	changed := map[int]bool{}
	for i, j := 0, 0; i < len(want) || j < len(got); {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			lines = append(lines, "  "+want[i])
			i++
			j++
		case j == len(got) || i < len(want) && length[i+1][j] >= length[i][j+1]:
			changed[len(lines)] = true
			lines = append(lines, "- "+want[i])
			i++
		default:
			changed[len(lines)] = true
			lines = append(lines, "+ "+got[j])
			j++
		}
	}
	if len(changed) == 0 {
		return ""
	}
	var b strings.Builder
	last := -1
	for n, line := range lines {
		near := false
		for k := n - diffContext; k <= n+diffContext; k++ {
			near = near || changed[k]
		}
		if !near {
			continue
		}
		if n > last+1 {
			b.WriteString("  …\n")
		}
		b.WriteString(line + "\n")
		last = n
	}
	return b.String()
}
