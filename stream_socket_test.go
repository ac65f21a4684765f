package claude_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/internal/nettest"
)

// begins sends the header of an event stream over HTTP/2, and its first events.
func (f *frames) begins(stream uint32, events string) {
	head := append([]byte{0x88, 0x0f, 31 - 15, byte(len("text/event-stream"))}, "text/event-stream"...)
	f.write(frameHeaders, flagEndHeader, stream, head)
	f.write(frameData, 0, stream, []byte(events))
}

func TestAStreamThatBreaksOnTheWireIsAnErrorWithWhatHadCome(t *testing.T) {
	whole := transcript(t, "text")
	half := whole[:strings.Index(whole, "event: content_block_stop")]
	cert, certPEM := nettest.Trusted(t, "localhost")
	overHTTP2 := func(answer func(f *frames, stream uint32) bool) func(*testing.T) (string, []claude.Option) {
		return func(t *testing.T) (string, []claude.Option) {
			base, _ := rude(t, cert, answer)
			return base, []claude.Option{claude.WithRootCAs(certPEM)}
		}
	}
	played := func(step claudetest.Step) func(*testing.T) (string, []claude.Option) {
		return func(t *testing.T) (string, []claude.Option) { return claudetest.NewServer(t, step).URL, nil }
	}
	for name, serve := range map[string]func(*testing.T) (string, []claude.Option){
		"reset":           played(claudetest.Text(fox).ResetAfter(claudetest.Events(6))),
		"chunked cut":     played(claudetest.Text(fox).CutAfter(claudetest.Events(6))),
		"ended too early": played(claudetest.Text(fox).EndAfter(claudetest.Events(6))),
		"half-close": func(t *testing.T) (string, []claude.Option) {
			return "http://" + nettest.Listen(t, func(c net.Conn) {
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"+half)
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, c) // it still listens
			}), nil
		},
		"HTTP/2 RST_STREAM": overHTTP2(func(f *frames, stream uint32) bool {
			f.begins(stream, half)
			f.reset(stream, internalError)
			return false
		}),
		"HTTP/2 GOAWAY and the end": overHTTP2(func(f *frames, stream uint32) bool {
			f.begins(stream, half)
			f.goAway(stream, noError)
			return false
		}),
	} {
		t.Run(name, func(t *testing.T) {
			base, options := serve(t)
			client, err := claude.New(append(options, claude.WithAPIKey(testKey), claude.WithBaseURL(base))...)
			require.NoError(t, err)
			defer client.Close()
			stream, err := client.Messages.Stream(t.Context(), hello)
			require.NoError(t, err)
			got, err := drainText(stream)
			require.ErrorIs(t, err, claude.ErrStreamTruncated)
			broken, ok := errors.AsType[*claude.StreamError](err)
			require.True(t, ok)
			assert.Equal(t, got, broken.Partial.Text())
			assert.NotEmpty(t, got)
			assert.Equal(t, 1, client.Health().Targets[0].Failures)
		})
	}
}

func TestAStreamUnderGOAWAYIsReadToItsEnd(t *testing.T) {
	whole := transcript(t, "text")
	cert, certPEM := nettest.Trusted(t, "localhost")
	base, requests := rude(t, cert, func(f *frames, stream uint32) bool {
		f.begins(stream, whole[:len(whole)/2])
		f.goAway(stream, noError) // it is shutting down, and finishes what it has begun
		f.write(frameData, flagEndStream, stream, []byte(whole[len(whole)/2:]))
		f.away()
		return false
	})
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL(base), claude.WithRootCAs(certPEM))
	require.NoError(t, err)
	defer client.Close()
	stream, err := client.Messages.Stream(t.Context(), hello)
	require.NoError(t, err)
	resp, err := stream.Response()
	require.NoError(t, err)
	assert.Equal(t, "Good morning, élan 🙂.", resp.Text())
	assert.Equal(t, int32(1), requests.Load())
}

func TestAConnectionIsUsedAgainAfterACompleteStream(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.Text(fox).Times(3))
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL(server.URL))
	require.NoError(t, err)
	defer client.Close()
	for i := range 3 {
		stream, err := client.Messages.Stream(t.Context(), hello)
		require.NoError(t, err)
		resp, err := stream.Response()
		require.NoError(t, err)
		assert.Equal(t, i > 0, resp.Attempts[0].Reused)
	}
}
