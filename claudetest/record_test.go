package claudetest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// saved returns the path and text of what a recorder has recorded.
func saved(t *testing.T, r *claudetest.Recorder) (path, text string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "recording.json")
	require.NoError(t, r.Save(path))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return path, string(data)
}

func TestWhatWasRecordedIsPlayedAgain(t *testing.T) {
	server := claudetest.NewServer(t,
		claudetest.Text("first <&> Ü\u2028"), claudetest.Text("second"), claudetest.Overloaded(), claudetest.Text("streamed, and long enough for some deltas"),
		claudetest.Region(), claudetest.GatewayText(502, `"a JSON string"`), claudetest.GatewayText(200, "null"), claudetest.Empty(204))
	recorder := claudetest.NewRecorder(realTransport(t))
	asked := []struct{ method, path, body string }{
		{"POST", "/v1/messages", plainBody},
		{"POST", "/v1/messages", plainBody},
		{"POST", "/v1/messages", strings.ReplaceAll(plainBody, "Hello", "Bye")},
		{"POST", "/v1/messages", askStream},
		{"GET", "/v1/models?limit=1", ""},
		{"POST", "/v1/messages", `{"model":"m","messages":[],"region":1}`},
		{"POST", "/v1/messages", "no JSON"},
		{"POST", "/v1/messages", `"no object"`},
		{"POST", "/v1/messages", `null`},
	}
	want := make([]answer, 0, len(asked))
	for _, a := range asked {
		want = append(want, ask(t, recorder, a.method, server.URL+a.path, a.body))
	}
	path, text := saved(t, recorder)
	assert.NotContains(t, text, `\u003c`, "people read it")
	assert.Contains(t, text, `"text": "event: message_start\ndata: `)

	replayer := claudetest.NewReplayer(t, path)
	for i, a := range asked {
		got := ask(t, replayer, a.method, origin+a.path, a.body)
		assert.Equal(t, want[i].Status, got.Status)
		assert.Equal(t, want[i].Body, got.Body, "%d", i)
		assert.Equal(t, want[i].Err, got.Err)
		want[i].Header.Del("Content-Length")
		assert.Equal(t, want[i].Header, got.Header)
	}
}

func TestARecordingHoldsNoSecret(t *testing.T) {
	const (
		apiKey = "sk-ant-api03-planted-key-0123456789"
		token  = "planted.opaque/token+0123=="
		cookie = "planted-cookie-0123456789"
		fresh  = "planted-fresh-cookie-0123456789"
		short  = "tiny-k"
	)
	echo := claudetest.Echo().Header("Set-Cookie", "session="+fresh+"; Path=/; HttpOnly").Header("X-Echo", apiKey+" "+token+" "+fresh)
	transport := memory(t, echo.Times(4), claudetest.Unauthorized().ForKey(short))
	recorder := claudetest.NewRecorder(transport)
	body := strings.ReplaceAll(plainBody, "Hello", apiKey+" Bearer "+token+" "+cookie+" as it is")
	headers := []string{"X-Api-Key", apiKey, "Authorization", "Bearer " + token, "Cookie", "session=" + cookie + "; theme=dark", "Proxy-Authorization", "Basic cGxhbnRlZDpzZWNyZXQ="}
	first := post(t, recorder, body, headers...)
	assert.Contains(t, first.Body, apiKey, "what the caller gets is whole")
	post(t, recorder, strings.ReplaceAll(askStream, "Hello", apiKey), headers...)
	ask(t, recorder, http.MethodGet, origin+"/v1/models?key="+apiKey, "", headers...)
	post(t, recorder, `{"messages":"`+token+`"}`, headers...)
	post(t, recorder, "\xff"+token+"\xfe", headers...)
	post(t, recorder, plainBody, "X-Api-Key", short)
	_, text := saved(t, recorder)
	for _, secret := range []string{apiKey, "planted-key", token, cookie, fresh, "cGxhbnRlZDpzZWNyZXQ", "cGxhbnRlZC", short} {
		i := strings.Index(text, secret)
		assert.Negative(t, i, "%s in …%s…", secret, text[max(0, i-100):max(0, min(len(text), i+100))])
	}
	for what, about := range map[string]string{
		"\"X-Api-Key\": [\n            \"[redacted]\"\n          ]": "headers show their names",
		`"[redacted] [redacted] [redacted] as it is"`:               "the prompt stays",
		"/v1/models?key=[redacted]":                                 "the path stays",
	} {
		assert.Contains(t, text, what, about)
	}
}

func TestARecordingIsPlayedToAnotherKey(t *testing.T) {
	recorder := claudetest.NewRecorder(memory(t, claudetest.Echo()))
	body := func(key string) string { return strings.ReplaceAll(plainBody, "Hello", "my key is "+key) }
	post(t, recorder, body("sk-ant-the-real-one-1"), "X-Api-Key", "sk-ant-the-real-one-1")
	path, _ := saved(t, recorder)
	a := post(t, claudetest.NewReplayer(t, path), body("sk-ant-a-made-up-one"), "X-Api-Key", "sk-ant-a-made-up-one")
	assert.Equal(t, 200, a.Status)
	assert.Contains(t, a.Body, "my key is [redacted]")
}

func TestTheTimingOfAStreamIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recording.json")
	// times returns when each event came.
	times := func(t *testing.T, rt http.RoundTripper) (all []time.Duration) {
		t.Helper()
		start := time.Now()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, origin+"/v1/messages", strings.NewReader(askStream))
		require.NoError(t, err)
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		all = append(all, time.Since(start))
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "event: ") {
				all = append(all, time.Since(start))
			}
		}
		require.NoError(t, lines.Err())
		return all
	}
	var want []time.Duration
	synctest.Test(t, func(t *testing.T) {
		recorder := claudetest.NewRecorder(memory(t, claudetest.Text("Hi").After(90*time.Second).Drip(1500*time.Millisecond).StallAfter(claudetest.Events(3), time.Hour)))
		want = times(t, recorder)
		require.NoError(t, recorder.Save(path))
	})
	assert.Equal(t, 90*time.Second, want[0])
	assert.Equal(t, time.Hour+1500*time.Millisecond, want[4]-want[3])
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(data), `"after": "1h0m1.5s"`)
	synctest.Test(t, func(t *testing.T) {
		replayer := claudetest.NewReplayer(t, path)
		replayer.KeepTiming = true
		assert.Equal(t, want, times(t, replayer))
	})
	synctest.Test(t, func(t *testing.T) {
		for _, at := range times(t, claudetest.NewReplayer(t, path)) {
			assert.Zero(t, at)
		}
	})
}

func TestAReplayedPauseEndsWithTheCaller(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recording.json")
	synctest.Test(t, func(t *testing.T) {
		recorder := claudetest.NewRecorder(memory(t, claudetest.SlowHeader(30*time.Second)))
		post(t, recorder, plainBody)
		require.NoError(t, recorder.Save(path))
		replayer := claudetest.NewReplayer(t, path)
		replayer.KeepTiming = true
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, origin+"/v1/messages", strings.NewReader(plainBody))
		require.NoError(t, err)
		_, err = replayer.RoundTrip(req) //nolint:bodyclose // there is none
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestABrokenAnswerIsPlayedBroken(t *testing.T) {
	text := claudetest.Text("the quick brown fox jumps over the lazy dog")
	server := claudetest.NewServer(t,
		text.CutAfter(claudetest.Events(4)), text.ResetAfter(claudetest.Bytes(900)), text.CutAfter(claudetest.Bytes(100)), claudetest.Reset(), claudetest.Hangup())
	recorder := claudetest.NewRecorder(realTransport(t))
	bodies := []string{askStream, askStream, plainBody, plainBody, plainBody}
	want := make([]answer, 0, len(bodies))
	for _, body := range bodies {
		want = append(want, ask(t, recorder, http.MethodPost, server.URL+"/v1/messages", body))
	}
	path, _ := saved(t, recorder)
	replayer := claudetest.NewReplayer(t, path)
	for i, body := range bodies {
		got := ask(t, replayer, http.MethodPost, server.URL+"/v1/messages", body)
		require.Error(t, want[i].Err)
		require.Error(t, got.Err)
		assert.Equal(t, want[i].Status, got.Status)
		assert.Equal(t, want[i].Body, got.Body)
		assert.Equal(t, errors.Is(want[i].Err, syscall.ECONNRESET), errors.Is(got.Err, syscall.ECONNRESET), "%v", got.Err)
		assert.Equal(t, errors.Is(want[i].Err, io.ErrUnexpectedEOF), errors.Is(got.Err, io.ErrUnexpectedEOF), "%v", got.Err)
	}
}

func TestARecordingSaysWhetherTheReaderHadItAll(t *testing.T) {
	// read takes so much of an answer as enough says, and leaves.
	read := func(t *testing.T, rt http.RoundTripper, body string, enough func(string) bool) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, origin+"/v1/messages", strings.NewReader(body))
		require.NoError(t, err)
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		var text strings.Builder
		for piece := make([]byte, 64); !enough(text.String()); {
			n, err := resp.Body.Read(piece)
			require.NoError(t, err)
			text.Write(piece[:n])
		}
		require.NoError(t, resp.Body.Close())
		require.NoError(t, resp.Body.Close())
	}
	for name, tc := range map[string]struct {
		body, until string
		cut         bool
	}{
		"stream, to its last event": {askStream, "{\"type\":\"message_stop\"}\n\n", false},
		"stream, left early":        {askStream, "content_block_start", true},
		"stream, nothing of it":     {askStream, "", true},
		"whole, without its EOF":    {plainBody, "}}", false},
		"whole, left early":         {plainBody, "{", true},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := claudetest.NewRecorder(memory(t, claudetest.Text("the quick brown fox")))
			read(t, recorder, tc.body, func(text string) bool {
				return strings.HasSuffix(text, tc.until) || tc.cut && strings.Contains(text, tc.until)
			})
			path, text := saved(t, recorder)
			assert.Equal(t, tc.cut, strings.Contains(text, `"end": "cut"`))
			a := post(t, claudetest.NewReplayer(t, path), tc.body)
			assert.Equal(t, tc.cut, errors.Is(a.Err, io.ErrUnexpectedEOF), "%v", a.Err)
		})
	}
}

func TestARecordingSavedTooEarlyIsNotTakenForWhole(t *testing.T) {
	recorder := claudetest.NewRecorder(memory(t, claudetest.Text("Hi")))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, origin+"/v1/messages", strings.NewReader(plainBody))
	require.NoError(t, err)
	resp, err := recorder.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	path, _ := saved(t, recorder)
	require.ErrorIs(t, post(t, claudetest.NewReplayer(t, path), plainBody).Err, io.ErrUnexpectedEOF)
}

func TestStreamsOfOtherLineEndsAreRecordedByEvent(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\n\r\n", "\r\r"} {
		stream := "data: 1" + end + ": comment" + end + "data: 2" + end + "rest"
		recorder := claudetest.NewRecorder(memory(t, claudetest.GatewayText(200, stream).Header("Content-Type", "text/event-stream")))
		post(t, recorder, askStream)
		path, text := saved(t, recorder)
		assert.Equal(t, 4, strings.Count(text, `"text": `), "%q", end)
		assert.Equal(t, stream, post(t, claudetest.NewReplayer(t, path), askStream).Body)
	}
}

func TestARecorderAsksForNoCompression(t *testing.T) {
	recorder := claudetest.NewRecorder(roundTrip(func(r *http.Request) (*http.Response, error) {
		assert.NotContains(t, r.Header, "Accept-Encoding")
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Encoding": {"br"}}, Body: io.NopCloser(strings.NewReader("\x8b\x00\xff"))}, nil
	}))
	post(t, recorder, plainBody, "Accept-Encoding", "gzip, br")
	path, text := saved(t, recorder)
	assert.Contains(t, text, `"body_base64": "iwD/"`, "what comes compressed all the same is kept as it is")
	a := post(t, claudetest.NewReplayer(t, path), plainBody)
	assert.Equal(t, "\x8b\x00\xff", a.Body)
	assert.Equal(t, "br", a.Header.Get("Content-Encoding"))
}

func TestAnUploadIsRecognisedWhateverItsBoundary(t *testing.T) {
	transport := memory(t)
	recorder := claudetest.NewRecorder(transport)
	id := upload(t, recorder, "a.pdf", "application/pdf", "%PDF-\xff").json(t)["id"]
	path, _ := saved(t, recorder)
	tb := new(fakeTB)
	replayer := claudetest.NewReplayer(tb, path)
	assert.Equal(t, 400, upload(t, replayer, "a.pdf", "application/pdf", "%PDF-\xfe").Status)
	assert.NotEmpty(t, tb.said())
	assert.Equal(t, id, upload(t, replayer, "a.pdf", "application/pdf", "%PDF-\xff").json(t)["id"])
	assert.Empty(t, tb.said())
}

func TestARequestThatWasNotRecordedShowsTheNearest(t *testing.T) {
	recorder := claudetest.NewRecorder(memory(t, claudetest.Text("a"), claudetest.Text("b")))
	client := newClient(t, claude.WithRoundTripper(recorder))
	far := claude.Request{Model: claude.ModelOpus5_5, MaxTokens: 9, System: claude.Content{claude.Text("x")}, Messages: []claude.Message{claude.UserText("far away")}}
	for _, r := range []claude.Request{far, hello} {
		_, err := client.Messages.Create(t.Context(), r)
		require.NoError(t, err)
	}
	path, _ := saved(t, recorder)

	tb := new(fakeTB)
	client = newClient(t, claude.WithRoundTripper(claudetest.NewReplayer(tb, path)))
	near := hello
	near.Messages = []claude.Message{claude.UserText("Hello there")}
	_, err := client.Messages.Create(t.Context(), near)
	require.ErrorIs(t, err, claude.ErrInvalidRequest, "so that it is not tried again")
	assert.Contains(t, err.Error(), "claudetest: POST /v1/messages was not recorded")
	assert.Equal(t, []string{`claudetest: POST /v1/messages was not recorded; the nearest recorded request (- recorded, + made):
  …
        "content": [
          {
-           "text": "Hello",
+           "text": "Hello there",
            "type": "text"
          }
`}, tb.said())

	_, err = client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	_, err = client.Messages.Create(t.Context(), hello)
	require.Error(t, err)
	said := tb.said()
	require.Len(t, said, 1)
	assert.Contains(t, said[0], "equal, but it was played before")
}

func TestAnEmptyRecordingSaysSo(t *testing.T) {
	path, _ := saved(t, claudetest.NewRecorder(nil))
	tb := new(fakeTB)
	assert.Equal(t, 400, post(t, claudetest.NewReplayer(tb, path), plainBody).Status)
	assert.Contains(t, tb.said()[0], "the recording is empty")
}

func TestARecordingCanBeEditedByHand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recording.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"format":"claudetest recording 1","exchanges":[
		{"request":{"method":"GET","path":"/v1/models/m"},"response":{"status":200,"header":{"request-id":["req_1"]},"body":{"id":"m"}}}]}`), 0o600))
	a := get(t, claudetest.NewReplayer(t, path), "/v1/models/m")
	assert.Equal(t, "req_1", a.Header.Get("Request-Id"))
	assert.JSONEq(t, `{"id":"m"}`, a.Body)
}

func TestABrokenRecordingSaysWhy(t *testing.T) {
	exchange := func(response string) string {
		return `{"format":"claudetest recording 1","exchanges":[{"request":{},"response":` + response + `}]}`
	}
	for text, want := range map[string]string{
		"":                        "unexpected end of JSON input",
		`{"format":"other"}`:      `its format is "other", not "claudetest recording 1"`,
		exchange(`{}`):            "exchange 1: its status is 0",
		exchange(`{"status":42}`): "exchange 1: its status is 42",
		exchange(`{"status":200,"after":"soon"}`):                        `exchange 1: "soon" is no time to wait`,
		exchange(`{"status":200,"events":[{"after":"-1s","text":"x"}]}`): `exchange 1: "-1s" is no time to wait`,
		exchange(`{"status":200,"end":"early"}`):                         `exchange 1: its end is "early"`,
		`{"format":"claudetest recording 1","exchanges":[null]}`:         "exchange 1: it is null",
	} {
		path := filepath.Join(t.TempDir(), "recording.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		tb := new(fakeTB)
		claudetest.NewReplayer(tb, path)
		said := tb.said()
		require.Len(t, said, 1, text)
		assert.Contains(t, said[0], "fatal: claudetest: recording ")
		assert.Contains(t, said[0], want)
	}
	tb := new(fakeTB)
	claudetest.NewReplayer(tb, filepath.Join(t.TempDir(), "missing"))
	assert.Len(t, tb.said(), 1)
	require.Error(t, claudetest.NewRecorder(nil).Save(filepath.Join(t.TempDir(), "missing", "recording.json")))
}

func TestARequestThatCannotBeReadIsNotSent(t *testing.T) {
	broken := errors.New("broken")
	path, _ := saved(t, claudetest.NewRecorder(nil))
	for name, rt := range map[string]http.RoundTripper{
		"recorder": claudetest.NewRecorder(memory(t)), "replayer": claudetest.NewReplayer(t, path), "transport": memory(t),
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, origin+"/v1/messages", io.MultiReader(bytes.NewReader([]byte("x")), errReader{broken}))
		require.NoError(t, err)
		_, err = rt.RoundTrip(req) //nolint:bodyclose // there is none
		require.ErrorIs(t, err, broken, name)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestARecorderPassesOnThatConnectionsShallClose(t *testing.T) {
	closed := false
	base := &closer{closed: &closed}
	claudetest.NewRecorder(base).CloseIdleConnections()
	assert.True(t, closed)
	claudetest.NewRecorder(roundTrip(nil)).CloseIdleConnections()
}

type closer struct {
	http.RoundTripper

	closed *bool
}

func (c *closer) CloseIdleConnections() { *c.closed = true }
