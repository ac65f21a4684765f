package sse_test

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude/internal/sse"
)

// read returns all events as "name|data" and the error behind them.
func read(src io.Reader, limit int) (events []string, err error) {
	s := sse.NewReader(src, limit)
	for {
		name, data, err := s.Next()
		if err != nil {
			return events, err
		}
		events = append(events, string(name)+"|"+string(data))
	}
}

func TestEventsAreReadAsTheStandardSays(t *testing.T) {
	for name, tc := range map[string]struct {
		stream string
		want   []string
	}{
		"LF":                              {"event: a\ndata: 1\n\ndata: 2\n\n", []string{"a|1", "|2"}},
		"CRLF":                            {"event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", []string{"a|1", "|2"}},
		"CR":                              {"event: a\rdata: 1\r\rdata: 2\r\r", []string{"a|1", "|2"}},
		"mixed":                           {"event: a\r\ndata: 1\n\r\ndata: 2\r\n\n", []string{"a|1", "|2"}},
		"byte order mark":                 {"\xEF\xBB\xBFdata: 1\n\n", []string{"|1"}},
		"a mark elsewhere is text":        {"data: \xEF\xBB\xBF1\n\n", []string{"|\xEF\xBB\xBF1"}},
		"half a mark":                     {"\xEF\xBBdata: 1\n\ndata: 2\n\n", []string{"|2"}},
		"no space":                        {"event:a\ndata:1\n\n", []string{"a|1"}},
		"one space of two":                {"data:  1\n\n", []string{"| 1"}},
		"several data lines":              {"data: 1\ndata: 2\ndata:\ndata: 4\n\n", []string{"|1\n2\n\n4"}},
		"data without a colon":            {"data\n\n", []string{"|"}},
		"comments and unknown fields":     {": ping\nid: 7\nretry: 10\nfoo: bar\nevent: a\n: x\ndata: 1\n\n", []string{"a|1"}},
		"a name without data":             {"event: a\n\ndata: 1\n\n", []string{"|1"}},
		"the name of the one before":      {"event: a\ndata: 1\n\nevent: a\ndata: 2\n\nevent: ab\ndata: 3\n\nevent:a\ndata: 4\n\nevent: a\n\ndata: 5\n\n", []string{"a|1", "a|2", "ab|3", "a|4", "|5"}},
		"the last name counts":            {"event: a\nevent: b\ndata: 1\n\n", []string{"b|1"}},
		"no blank line":                   {"data: 1\n\ndata: 2\n", []string{"|1"}},
		"no newline":                      {"data: 1\n\ndata: 2", []string{"|1"}},
		"nothing":                         {"", nil},
		"blank lines":                     {"\n\n\n\ndata: 1\n\n\n", []string{"|1"}},
		"fields that only begin like one": {"data2: 1\nevents: a\ndata: 2\n\n", []string{"|2"}},
		"split UTF-8":                     {"data: äöü€😀\n\n", []string{"|äöü€😀"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, src := range []io.Reader{
				strings.NewReader(tc.stream), iotest.OneByteReader(strings.NewReader(tc.stream)),
				iotest.HalfReader(strings.NewReader(tc.stream)), iotest.DataErrReader(strings.NewReader(tc.stream)),
			} {
				got, err := read(src, 1<<20)
				require.ErrorIs(t, err, io.EOF)
				assert.Equal(t, tc.want, got)
			}
		})
	}
}

func TestAnEventDoesNotWaitForTheByteBehindIt(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	go func() { _, _ = io.WriteString(w, "data: 1\r\r") }() // is a LF to come?
	_, data, err := sse.NewReader(r, 100).Next()
	require.NoError(t, err)
	assert.Equal(t, "1", string(data))
}

func TestLargeEventsAreReadUpToTheLimit(t *testing.T) {
	large := "data: " + strings.Repeat("x", 3<<20) + "\n\n"
	got, err := read(strings.NewReader("data: 1\n\n"+large+"data: 2\n\n"), 4<<20)
	require.ErrorIs(t, err, io.EOF)
	assert.Len(t, got, 3)
	got, err = read(strings.NewReader("data: 1\n\n"+large), 1<<20)
	require.ErrorIs(t, err, sse.ErrTooLarge)
	assert.Equal(t, []string{"|1"}, got)
	_, err = read(endless{}, 1<<20)
	require.ErrorIs(t, err, sse.ErrTooLarge, "a line without end is no way around it")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestTheErrorOfTheSourceComesBehindItsEvents(t *testing.T) {
	broken := errors.New("broken")
	got, err := read(io.MultiReader(strings.NewReader("data: 1\n\ndata: 2"), iotest.ErrReader(broken)), 100)
	require.ErrorIs(t, err, broken)
	assert.Equal(t, []string{"|1"}, got)
	_, err = read(stuck{}, 100)
	require.ErrorIs(t, err, io.ErrNoProgress)
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// reference reads a stream the slow way, line by line.
func reference(stream string) (events []string) {
	stream = strings.TrimPrefix(stream, "\xEF\xBB\xBF")
	stream = strings.ReplaceAll(strings.ReplaceAll(stream, "\r\n", "\n"), "\r", "\n")
	lines := bufio.NewScanner(strings.NewReader(stream))
	lines.Buffer(nil, 1<<24)
	lines.Split(func(data []byte, _ bool) (int, []byte, error) { // only whole lines
		if i := strings.IndexByte(string(data), '\n'); i >= 0 {
			return i + 1, data[:i], nil
		}
		return 0, nil, nil
	})
	name, data, any := "", []string(nil), false
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			if any {
				events = append(events, name+"|"+strings.Join(data, "\n"))
			}
			name, data, any = "", nil, false
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data, any = append(data, value), true
		}
	}
	return events
}

func TestAReaderContinuesFromAnotherSource(t *testing.T) {
	r := sse.NewReader(strings.NewReader("data: a\n\ndata: half of"), 1<<10)
	_, data, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, "a", string(data))
	r.Continue(strings.NewReader(" it\n\n"))
	_, data, err = r.Next()
	require.NoError(t, err)
	require.Equal(t, "half of it", string(data))
}

// chunked returns its text in chunks of random size.
type chunked struct {
	text string
	rand *rand.Rand
}

func (c *chunked) Read(p []byte) (int, error) {
	if c.text == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1+c.rand.IntN(20))], c.text)
	c.text = c.text[n:]
	return n, nil
}

func FuzzAnyChunkingGivesTheEventsOfTheReference(f *testing.F) {
	f.Add("event: a\ndata: {\"x\":1}\n\n: c\r\ndata: 1\r\ndata: 2\r\n\r\ndata\r\r", uint64(1))
	f.Add("\xEF\xBB\xBFdata:x\n\n\n\n\r\n\r", uint64(2))
	f.Add("event: a\ndata: 1\n\nevent: a\ndata: 2\n\nevent: a\r\ndata: 3\n\nevent: a\nevent:b\ndata: 4\n\nevent:b\n\nevent:b\ndata: 5\n\n", uint64(3))
	f.Add("event: a\rdata: 1\r\revent: a\ndata: 2\n\nevent: "+strings.Repeat("n", 60)+"\ndata: 3\n\nevent: a", uint64(4))
	f.Fuzz(func(t *testing.T, stream string, seed uint64) {
		want := reference(stream)
		for _, src := range []io.Reader{strings.NewReader(stream), &chunked{stream, rand.New(rand.NewPCG(seed, 0))}, iotest.OneByteReader(strings.NewReader(stream))} {
			got, err := read(src, 1<<20)
			require.ErrorIs(t, err, io.EOF)
			require.Equal(t, want, got)
		}
	})
}
