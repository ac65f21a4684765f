package main

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"
)

// server streams the same events to everybody, over HTTP/2 on loopback. At the URL
// /held a stream stops after its first delta until somebody calls /go.
type server struct {
	*httptest.Server

	events events
	pause  time.Duration // between the deltas of a held stream
	gone   chan struct{} // closed by /go
}

func serve(e events, pause time.Duration) *server {
	s := &server{events: e, pause: pause, gone: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/messages", func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, false) })
	mux.HandleFunc("POST /held/v1/messages", func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, true) })
	mux.HandleFunc("POST /go", func(http.ResponseWriter, *http.Request) { close(s.gone) })
	s.Server = httptest.NewUnstartedServer(mux)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	return s
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, held bool) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Request-Id", "req_1")
	out := http.NewResponseController(w)
	say := func(part string) {
		_, _ = io.WriteString(w, part)
		_ = out.Flush()
	}
	say(s.events.head)
	for i, delta := range s.events.deltas {
		if held && i == 1 {
			select {
			case <-s.gone:
			case <-r.Context().Done():
				return
			}
		}
		if held && i > 1 {
			time.Sleep(s.pause)
		}
		say(delta)
	}
	_, _ = io.WriteString(w, s.events.tail)
}

// roots is the certificate to trust, as PEM.
func (s *server) roots() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}
