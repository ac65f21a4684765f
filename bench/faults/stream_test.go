package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// right is what should become of a stream.
type right string

const (
	whole right = "the answer"
	fails right = "an error"
	// either: all of the answer has come, though not as it should.
	either right = "the answer or an error"
)

// oddity is an odd or broken stream.
type oddity struct {
	name  string
	right right
	text  string // of the answer
	play  func(w http.ResponseWriter)
}

// verdict is what a contender made of a stream.
type verdict string

const (
	isRight  verdict = "right"
	saysSo   verdict = "wrong, says so"
	isSilent verdict = "silently wrong"
)

func (o *oddity) judge(got answer, err error) verdict {
	switch {
	case err != nil && o.right == whole:
		return saysSo
	case err != nil, o.right != fails && got == answer{o.text, stopReason}:
		return isRight
	}
	return isSilent
}

// playStreams plays every stream to everybody.
func playStreams(t *testing.T) [][]verdict {
	t.Helper()
	all := make([][]verdict, len(oddities))
	for i := range oddities {
		o := &oddities[i]
		all[i] = make([]verdict, len(contenders))
		t.Run(o.name, func(t *testing.T) {
			for who := range contenders {
				c := &contenders[who]
				played := make(chan struct{}, 8)
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					o.play(w)
					played <- struct{}{}
				}))
				got, err := c.start(t, endpoint{url: server.URL}).stream(t.Context())
				server.CloseClientConnections() // somebody may have left early
				server.Close()
				select {
				case <-played:
				case <-time.After(patience):
					t.Errorf("%s: the stream was not played: %v", c.name, err)
				}
				if len(played) > 0 {
					t.Errorf("%s asked more than once", c.name)
				}
				all[i][who] = o.judge(got, err)
				t.Logf("%s: %s: %.100q %v", c.name, all[i][who], got, err)
			}
		})
	}
	return all
}
