package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/steadfast-go/claude"
)

// watchedStream is a stream of the API on its way to the caller. Its bytes pass as
// they come. If it breaks off, it ends with the API's error event, and so is never
// taken for whole.
type watchedStream struct {
	body      io.ReadCloser
	ctx       context.Context //nolint:containedctx // the request's: it says who ended the reading
	requestID string
	tracker   tracker

	broke  bool           // reading has failed before the stream had ended
	ending []byte         // what is left to be read of what we add then
	failed *streamFailure // what that says; nil if only the very end was missing
}

// over reports whether the stream has ended by itself.
func (s *watchedStream) over() bool { return s.tracker.ended != "" && s.failed == nil }

// Read reads on. What comes behind the end of a stream is of no interest, errors
// included.
func (s *watchedStream) Read(p []byte) (int, error) {
	if s.broke {
		return s.readEnding(p)
	}
	n, err := s.body.Read(p)
	s.tracker.pass(p[:n])
	switch {
	case err == nil:
		return n, nil
	case s.tracker.ended != "":
		return n, io.EOF
	}
	s.broke = true
	failure := newStreamFailure(s.ctx, err)
	ending, failed := s.tracker.finish(failure.event(s.requestID))
	s.ending = ending
	if failed {
		s.failed = failure
	}
	if n > 0 {
		return n, nil
	}
	return s.readEnding(p)
}

func (s *watchedStream) readEnding(p []byte) (int, error) {
	if len(s.ending) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.ending)
	s.ending = s.ending[n:]
	return n, nil
}

// Close ends the reading.
func (s *watchedStream) Close() error { return s.body.Close() }

// result returns class and detail of the stream's failure; empty for none.
func (s *watchedStream) result() (claude.Class, string) {
	switch {
	case s.failed != nil:
		return s.failed.class, s.failed.text
	case s.tracker.ended != eventError:
		return "", ""
	}
	err := claude.CheckResponse(&http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(s.tracker.failure)),
	})
	if err == nil {
		return claude.ErrUnknown, "an error event"
	}
	return claude.ClassOf(err), strings.TrimPrefix(detail(err), "200 ") + " in the stream"
}

// streamFailure says why a stream broke off.
type streamFailure struct {
	class claude.Class
	text  string
}

func newStreamFailure(ctx context.Context, err error) *streamFailure {
	network, ok := errors.AsType[*claude.NetworkError](err)
	switch {
	case isStopped(ctx):
		return &streamFailure{claude.ErrCanceled, "the proxy was stopped"}
	case ctx.Err() != nil:
		return &streamFailure{claude.ErrCanceled, "the caller left"}
	case ok && network.Timeout:
		return &streamFailure{claude.ErrStreamStalled, "the stream fell silent: " + err.Error()}
	case errors.Is(err, io.EOF):
		return &streamFailure{claude.ErrStreamTruncated, "the stream ended before the answer was complete"}
	}
	return &streamFailure{claude.ErrStreamTruncated, "the stream broke off before the answer was complete: " + err.Error()}
}

func (f *streamFailure) Error() string { return string(f.class) + ": " + f.text }

// Class makes the advice for it.
func (f *streamFailure) Class() claude.Class { return f.class }

// event makes the failure the last event of a stream.
func (f *streamFailure) event(requestID string) string {
	typ := typeAPI
	if f.class == claude.ErrStreamStalled {
		typ = typeTimeout
	}
	return "event: " + eventError + "\ndata: " + string(newEnvelope(typ, explain(f), requestID)) + "\n\n"
}
