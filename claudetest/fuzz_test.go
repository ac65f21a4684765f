package claudetest

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fold makes the text that a diff comes from: its kept lines and those of one side.
func fold(diff, mark string) (lines []string) {
	for line := range strings.Lines(diff) {
		if text := strings.TrimSuffix(line, "\n"); strings.HasPrefix(text, "  ") || strings.HasPrefix(text, mark) {
			lines = append(lines, text[2:])
		}
	}
	return lines
}

func TestADiffIsEmptyOnlyIfNothingDiffers(t *testing.T) {
	long := strings.Split(strings.Repeat("0123456789", 500), "")
	other := append([]string(nil), long...)
	other[4990] = "y"
	assert.Empty(t, diffLines(long, long))
	assert.Equal(t, "  …\n  8\n  9\n- 0\n+ y\n  1\n  2\n", diffLines(long, other))
	all := diffLines(strings.Split(strings.Repeat("a\n", 5000), "\n"), strings.Split(strings.Repeat("b\n", 5000), "\n"))
	assert.Equal(t, maxDiffLines+1, strings.Count(all, "\n"), "and a note that there is more")
	assert.NotEmpty(t, diffJSON([]byte(`1`), []byte(`1 2`)))
	assert.NotEmpty(t, diffJSON([]byte(`{"a":12345678901234567890}`), []byte(`{"a":12345678901234567891}`)))
	assert.Empty(t, diffJSON([]byte(`{"a":1,"b":[2]}`), []byte(" {\"b\": [2],\n\"a\":1}")))
}

func FuzzDiffLines(f *testing.F) {
	f.Add("a\nb\nc", "a\nc")
	f.Add("", "\n")
	f.Add("same", "same")
	f.Add("a\nb\na", "a\nb\nc\na\nd\na")
	f.Fuzz(func(t *testing.T, one, two string) {
		want, got := strings.Split(one, "\n"), strings.Split(two, "\n")
		if len(want) > 200 || len(got) > 200 {
			t.Skip("shown in part")
		}
		d := diffLines(want, got)
		assert.Equal(t, one == two, d == "")
		var all strings.Builder
		compareAll(want, got, &all)
		assert.Equal(t, want, fold(all.String(), "- "))
		assert.Equal(t, got, fold(all.String(), "+ "))
		for line := range strings.Lines(d) {
			assert.Regexp(t, `^([-+ ] |  …\n)`, line)
		}
	})
}

// compareAll writes a diff with every line that is the same.
func compareAll(want, got []string, b *strings.Builder) {
	compare(want, got, func(lines []string) {
		for _, line := range lines {
			b.WriteString("  " + line + "\n")
		}
	}, func(mark string, lines ...string) {
		for _, line := range lines {
			b.WriteString(mark + line + "\n")
		}
	})
}

func FuzzDiffJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.50,"x"]}`), []byte(`{"a":[1,2.5,"x"]}`))
	f.Add([]byte(`null`), []byte(``))
	f.Add([]byte(`{"a":1}`), []byte(`{"a":1}{"b":2}`))
	f.Add([]byte("{\n"), []byte("{}"))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		if len(one)+len(two) > 1<<12 {
			t.Skip("slow")
		}
		same := string(one) == string(two)
		if json.Valid(one) && json.Valid(two) {
			var a, b any
			require.NoError(t, decode(one, &a))
			require.NoError(t, decode(two, &b))
			same = reflect.DeepEqual(a, b)
		}
		assert.Equal(t, same, diffJSON(one, two) == "", "%q %q", one, two)
	})
}

// nobody is a test that nobody watches.
type nobody struct{ failed bool }

func (*nobody) Helper()                 {}
func (n *nobody) Errorf(string, ...any) { n.failed = true }
func (n *nobody) Fatalf(string, ...any) { n.failed = true }
func (*nobody) Cleanup(func())          {}

func FuzzDecodeRecording(f *testing.F) {
	for _, x := range []string{
		`{"request":{"method":"POST","path":"/v1/messages","body":{"a":1.0}},"response":{"status":200,"header":{"request-id":["1"]},"after":"3ms","body":{"b":"<"}}}`,
		`{"request":{"method":"GET","path":"/","body":"text"},"response":{"status":200,"events":[{"text":"data: 1\n\n"},{"after":"1s","text":"x"}],"end":"cut"}}`,
		`{"request":{"method":"GET","path":"/","body_base64":"/w=="},"response":{"error":"gone","end":"reset"}}`,
		`{"request":{"body":null},"response":{"status":599,"body":null,"body_base64":"AA=="}}`,
		`null`,
	} {
		f.Add([]byte(`{"format":"claudetest recording 1","exchanges":[` + x + `]}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRecording(data)
		if err != nil {
			assert.Empty(t, r)
			return
		}
		once, err := r.encode()
		require.NoError(t, err)
		again, err := decodeRecording(once)
		require.NoError(t, err, "what is saved can be read")
		twice, err := again.encode()
		require.NoError(t, err)
		assert.Equal(t, string(once), string(twice))

		tb := new(nobody)
		p := &Replayer{t: tb, r: r, played: make(map[*exchange]bool)}
		for i, x := range r.Exchanges {
			assert.Same(t, x, p.find(&again.Exchanges[i].Request), "what was recorded is found, in its order")
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.anthropic.com/", nil)
			require.NoError(t, err)
			resp, err := p.play(req, &x.Response)
			if x.Response.Error != "" {
				require.Error(t, err)
				continue
			}
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			assert.Equal(t, x.Response.End == "", err == nil)
			var want strings.Builder
			for _, e := range x.Response.Events {
				want.WriteString(e.Text)
			}
			assert.Equal(t, want.String()+x.Response.text(), string(body))
			require.NoError(t, resp.Body.Close())
		}
		if len(r.Exchanges) > 0 { // all are played
			p.nearest(&r.Exchanges[0].Request)
		}
	})
}
