package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// story is what happens to a fleet of processes.
type story struct {
	label     string // before the names of its rows, where it is one of several
	chart     string // the name of its chart; empty for none
	caption   string
	marks     []float64 // the seconds at which the server changes
	processes int
	rate      float64       // calls a second of each process, at random times
	length    time.Duration // how long calls begin
	rows      []row

	server func(w *world) server
}

// server answers one request, after as long as that takes.
type server func() outcome

// outcome is a status, and the wait that goes with a 429.
type outcome struct {
	status int
	wait   time.Duration
}

// call is a call that has ended.
type call struct {
	began, ended time.Duration // since the story began
	ok           bool
}

// attempt is a request that reached the server.
type attempt struct {
	at    time.Duration
	early bool // its process had been told to wait for longer
}

// world is one run: a story and the processes of one contender.
type world struct {
	begin time.Time

	mu       sync.Mutex
	rand     *rand.Rand
	calls    []call
	attempts []attempt
	strange  error // what no client should come back with
}

// now is how long the story has been going.
func (w *world) now() time.Duration { return time.Since(w.begin) }

// between draws evenly.
func (w *world) between(least, most time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return least + time.Duration(w.rand.Float64()*float64(most-least))
}

// play runs a story for a contender, in virtual time.
func play(t *testing.T, s *story, c *contender) (w *world) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w = &world{begin: time.Now(), rand: rand.New(rand.NewPCG(1, 0))}
		serve := s.server(w)
		var all sync.WaitGroup
		for i := range s.processes {
			client, err := c.make(&wire{world: w, serve: serve})
			if err != nil {
				t.Error(err)
				return
			}
			// The same for everybody: calls begin at the same times.
			arrivals := rand.New(rand.NewPCG(2, uint64(i)))
			all.Go(func() {
				for {
					time.Sleep(time.Duration(arrivals.ExpFloat64() / s.rate * float64(time.Second)))
					if w.now() >= s.length {
						return
					}
					all.Go(func() { w.call(t.Context(), client) })
				}
			})
		}
		all.Wait()
	})
	if w.strange != nil {
		t.Errorf("%s: %v", c.name, w.strange)
	}
	if w.countCalls(func(c call) bool { return c.ok }) == 0 {
		t.Errorf("%s: no call of the story succeeds", c.name) // the client is set up wrongly
	}
	return w
}

// call makes one call and notes how it went.
func (w *world) call(ctx context.Context, client ask) {
	c := call{began: w.now()}
	err := client(ctx)
	c.ended, c.ok = w.now(), err == nil
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, c)
	if errors.Is(err, errWrong) {
		w.strange = err
	}
}

// wire is what one process reaches the server by.
type wire struct {
	*world

	serve server

	known    sync.Mutex
	released time.Time // when the longest wait that this process was told is over
}

const message = `{"id":"msg_1","type":"message","role":"assistant","model":"` + model + `","content":[{"type":"text","text":"` + reply + `"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":14,"output_tokens":5}}`

// errorTypes are the API's, by status.
var errorTypes = map[int]string{
	http.StatusTooManyRequests: "rate_limit_error", http.StatusInternalServerError: "api_error",
	http.StatusGatewayTimeout: "timeout_error", 529: "overloaded_error",
}

// RoundTrip implements [http.RoundTripper].
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil, err
	}
	_ = req.Body.Close()
	w.known.Lock()
	early := time.Now().Before(w.released)
	w.known.Unlock()
	w.mu.Lock()
	w.attempts = append(w.attempts, attempt{w.now(), early})
	number := len(w.attempts)
	w.mu.Unlock()
	o := w.serve()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	body := message
	if o.status != http.StatusOK {
		body = `{"type":"error","error":{"type":"` + errorTypes[o.status] + `","message":"not now"},"request_id":"req_` + strconv.Itoa(number) + `"}`
	}
	header := http.Header{"Content-Type": {"application/json"}, "Request-Id": {"req_" + strconv.Itoa(number)}}
	if o.wait > 0 {
		header.Set("Retry-After", strconv.Itoa(int(o.wait.Seconds())))
		w.known.Lock()
		if until := time.Now().Add(o.wait); until.After(w.released) {
			w.released = until
		}
		w.known.Unlock()
	}
	return &http.Response{
		Status: fmt.Sprint(o.status, " ", http.StatusText(o.status)), StatusCode: o.status,
		Proto: "HTTP/2.0", ProtoMajor: 2, Header: header,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}, nil
}
