package proxy

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sentEvent is an event as a client reads it.
type sentEvent struct{ name, data string }

// kind is what a client takes the event for.
func (e sentEvent) kind() string {
	if e.name != "" {
		return e.name
	}
	var payload struct{ Type string }
	_ = json.Unmarshal([]byte(e.data), &payload)
	return payload.Type
}

// readEvents reads a stream the slow way, as the WHATWG has it. What is not ended by
// a blank line is not an event.
func readEvents(stream string) (events []sentEvent) {
	stream = strings.TrimPrefix(stream, "\xEF\xBB\xBF")
	stream = strings.ReplaceAll(strings.ReplaceAll(stream, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(stream, "\n")
	var name string
	var data []string
	for _, line := range lines[:len(lines)-1] {
		if line == "" {
			if data != nil {
				events = append(events, sentEvent{name, strings.Join(data, "\n")})
			}
			name, data = "", nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data = append(data, value)
		}
	}
	return events
}

const testFailure = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"stream_truncated\"}}\n\n"

// transcripts are streams of the API, and what becomes of them on the way.
func transcripts(t testing.TB) map[string]string {
	files, err := filepath.Glob("../../../../testdata/stream/*.sse")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := make(map[string]string)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		name, stream := filepath.Base(file), string(data)
		all[name] = stream
		all[name+", CRLF"] = strings.ReplaceAll(stream, "\n", "\r\n")
		all[name+", CR"] = strings.ReplaceAll(stream, "\n", "\r")
		all[name+", mark, comments"] = "\xEF\xBB\xBF: hello\n\n" + strings.ReplaceAll(stream, "\n\n", "\n\n:\n\n")
		var unnamed []string
		for line := range strings.Lines(stream) {
			if !strings.HasPrefix(line, "event:") {
				unnamed = append(unnamed, line)
			}
		}
		all[name+", without names"] = strings.Join(unnamed, "")
		all[name+", characters"] = strings.NewReplacer("Good", "Gööd 🙂 日本", "The first", "Le première ಠ_ಠ", "12231", "௫ 𐍈 \u07ff\u0800").Replace(stream)
	}
	return all
}

func TestAStreamCutAfterAnyByteEndsInMessageStopOrError(t *testing.T) {
	for name, stream := range transcripts(t) {
		t.Run(name, func(t *testing.T) {
			for cut := range len(stream) + 1 {
				for _, size := range []int{1, 1 << 20} {
					var track tracker
					for chunk := range chunks(stream[:cut], size) {
						track.pass([]byte(chunk))
					}
					whole := track.ended != ""
					sent := stream[:cut]
					if !whole {
						ending, _ := track.finish(testFailure)
						sent += string(ending)
					}
					checkStream(t, sent, stream[:cut], whole)
				}
			}
		})
	}
}

// chunks cuts a text into pieces.
func chunks(text string, size int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for len(text) > 0 {
			n := min(size, len(text))
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

// checkStream checks what was sent of a stream that broke off behind the head.
func checkStream(t *testing.T, sent, head string, whole bool) {
	t.Helper()
	where := "cut after " + strconv.Itoa(len(head)) + " bytes: " + strconv.Quote(sent[max(0, len(head)-60):])
	require.True(t, utf8.ValidString(sent), where)
	events, before := readEvents(sent), readEvents(head)
	require.NotEmpty(t, events, where)
	require.Equal(t, append([]sentEvent{}, before...), events[:len(before)], where)
	require.LessOrEqual(t, len(events)-len(before), 2, where)
	for i, e := range events {
		kind := e.kind()
		if i == len(before) && kind == eventPing && !json.Valid([]byte(e.data)) {
			continue // half an event
		}
		var payload struct {
			Type  string
			Error *struct{ Type, Message string }
		}
		require.NoError(t, json.Unmarshal([]byte(e.data), &payload), where)
		if e.name != eventPing {
			require.Equal(t, kind, payload.Type, where)
		}
		require.Equal(t, i == len(events)-1, kind == eventStop || kind == eventError, where)
		if kind == eventError {
			require.NotNil(t, payload.Error, where)
		}
	}
	if whole {
		require.Equal(t, before, events, where)
	}
}

func TestAStreamThatLacksOnlyItsLastLineEndIsWhole(t *testing.T) {
	for _, stream := range []string{
		"event: message_stop\ndata: {\"type\":\"message_stop\"}",
		"event: message_stop\ndata: {\"type\":\"message_stop\"}\n",
		"event: message_stop\r\ndata: {\"type\":\"message_stop\"}\r",
		"event: message_stop\r\ndata: {\"type\":\"message_stop\"}\r\n",
		"data: {\"type\":\"message_stop\"}",
		"data: {\"type\":\"message_stop\"}\nevent: message_st",
	} {
		var track tracker
		track.pass([]byte(stream))
		require.Empty(t, track.ended)
		ending, failed := track.finish(testFailure)
		events := readEvents(stream + string(ending))
		if strings.HasSuffix(stream, "message_st") { // another name than the data says
			assert.True(t, failed)
			continue
		}
		assert.False(t, failed)
		require.Len(t, events, 1, stream)
		assert.Equal(t, eventStop, events[0].kind())
		assert.Equal(t, eventStop, track.ended)
	}
}

func TestAnErrorEventIsKept(t *testing.T) {
	var track tracker
	track.pass([]byte("event: ping\ndata: {}\n\nevent: error\ndata: {\"type\":\"error\",\ndata: \"error\":{\"type\":\"overloaded_error\"}}\n\nevent: message_stop\ndata: {}\n\n"))
	assert.Equal(t, eventError, track.ended)
	assert.Equal(t, "{\"type\":\"error\",\n\"error\":{\"type\":\"overloaded_error\"}}", string(track.failure))
}

func TestOnlyWhatMayEndAStreamIsKeptOfIt(t *testing.T) {
	var track tracker
	huge := bytes.Repeat([]byte("x"), 1<<20)
	track.pass([]byte("event: content_block_delta\ndata: "))
	track.pass(huge)
	assert.LessOrEqual(t, cap(track.line), 128)
	assert.Empty(t, track.data)
	track.pass([]byte("\n\ndata: ")) // an event without a name may be anything, but not of that size
	for range 64 {
		track.pass(huge)
	}
	track.pass([]byte("\n"))
	track.pass([]byte("data: "))
	track.pass(huge)
	assert.LessOrEqual(t, cap(track.line), 2*maxPayload)
	assert.LessOrEqual(t, cap(track.data), 2*maxPayload)
	ending, failed := track.finish(testFailure)
	assert.True(t, failed)
	assert.Equal(t, "\nevent: ping\n\n"+testFailure, string(ending))
}

func TestFollowingAStreamDoesNotAllocate(t *testing.T) {
	var track tracker
	event := []byte("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Good\"}}\n\n")
	track.pass(event)
	assert.Zero(t, testing.AllocsPerRun(100, func() { track.pass(event) }))
}

func BenchmarkTracker(b *testing.B) {
	var track tracker
	event := []byte("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Good morning to you, whoever reads this\"}}\n\n")
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		track.pass(event)
	}
}

func FuzzAnyStreamEndsInMessageStopOrErrorInAnyChunking(f *testing.F) {
	for _, stream := range transcripts(f) {
		f.Add(stream[:len(stream)/2], uint64(1))
	}
	f.Add("data\ndata:\ndata: {\"type\":\"error\"}\r\r\n", uint64(2))
	f.Add("\xEF\xBBdata: \xF0\x9F\r", uint64(3))
	f.Fuzz(func(t *testing.T, stream string, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		var whole, parts tracker
		whole.pass([]byte(stream))
		for rest := stream; rest != ""; {
			n := 1 + random.IntN(len(rest))
			parts.pass([]byte(rest[:n]))
			rest = rest[n:]
		}
		require.Equal(t, whole.ended, parts.ended)
		require.Equal(t, whole.failure, parts.failure)
		if whole.ended != "" {
			return
		}
		ending, failed := whole.finish(testFailure)
		again, _ := parts.finish(testFailure)
		require.Equal(t, string(ending), string(again))
		require.NotEmpty(t, whole.ended)
		events := readEvents(stream + string(ending))
		require.NotEmpty(t, events)
		last := events[len(events)-1]
		if failed {
			require.Equal(t, eventError, last.name)
			require.True(t, json.Valid([]byte(last.data)), last.data)
		}
		require.Contains(t, []string{eventStop, eventError}, last.kind())
		if utf8.ValidString(stream) {
			require.True(t, utf8.ValidString(stream+string(ending)))
		}
	})
}
