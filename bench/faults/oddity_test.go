package main

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// event is one of a stream.
type event struct{ name, data string }

const (
	stopReason = "end_turn"
	reply      = "Air scatters blue light more than red light: d’accord 🙂."
	message    = `{"id":"msg_1","type":"message","role":"assistant","model":"` + model + `","content":[{"type":"text","text":"` + reply +
		`"}],"stop_reason":"` + stopReason + `","stop_sequence":null,"usage":{"input_tokens":14,"output_tokens":16}}`
)

// sound is how the API streams that reply.
var sound = []event{
	{"message_start", `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"` + model + `","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":14,"output_tokens":1}}}`},
	{"content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`},
	delta("Air scatters"), delta(" blue light more"), delta(" than red light:"), delta(" d’accord 🙂."),
	{"content_block_stop", `{"type":"content_block_stop","index":0}`},
	{"message_delta", `{"type":"message_delta","delta":{"stop_reason":"` + stopReason + `","stop_sequence":null},"usage":{"output_tokens":16}}`},
	{"message_stop", `{"type":"message_stop"}`},
}

// Places in it.
const (
	content = 2 // before the first delta
	middle  = 4 // between deltas
	stop    = 6 // the block's stop
	end     = 8 // message_stop
)

var (
	ping       = event{"ping", `{"type": "ping"}`}
	news       = event{"news", `{"type":"news","headline":"none"}`}
	hologram   = event{"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"hologram_delta","hologram":"none"}}`}
	overloaded = event{"error", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`}
)

func delta(text string) event {
	return event{"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"` + text + `"}}`}
}

// oddities are what servers, gateways and proxies do to a stream, and what the format of
// event streams and that of the API allow.
var oddities = []oddity{
	odd("lines end with CRLF", strings.ReplaceAll(wire(sound), "\n", "\r\n")),
	odd("lines end with CR alone", strings.ReplaceAll(wire(sound), "\n", "\r")),
	odd("a byte order mark first", "\xEF\xBB\xBF"+wire(sound)),
	odd("comments and blank lines", ": connected\n\n"+strings.ReplaceAll(wire(sound), "data:", ": keep-alive\ndata:")+"\n\n"),
	odd("no space after colons", strings.NewReplacer("event: ", "event:", "data: ", "data:").Replace(wire(sound))),
	odd("data over several lines", strings.ReplaceAll(wire(sound), `,"`, ",\ndata: \"")),
	odd("no event lines", unnamed()),
	odd("pings before each event", wire(pinged())),
	odd("an event of a new type", wire(slices.Insert(slices.Clone(sound), middle, news))),
	odd("a delta of a new type", wire(slices.Insert(slices.Clone(sound), middle, hologram))),
	odd("a block of a new type", wire(slices.Insert(slices.Clone(sound), stop+1,
		event{"content_block_start", `{"type":"content_block_start","index":1,"content_block":{"type":"hologram","hologram":""}}`},
		event{hologram.name, strings.Replace(hologram.data, `"index":0`, `"index":1`, 1)},
		event{"content_block_stop", `{"type":"content_block_stop","index":1}`}))),
	{"events of 100 KiB and 2 MiB", whole, reply + long(100<<10) + long(2<<20), streamed(
		wire(slices.Insert(slices.Clone(sound), stop, delta(long(100<<10)), delta(long(2<<20)))))},
	{"each byte by itself", whole, reply, func(w http.ResponseWriter) {
		for i := range len(wire(sound)) {
			streamed(wire(sound)[i : i+1])(w)
		}
	}},
	broken("an error event before the content", wire(sound[:content])+wire([]event{overloaded})),
	broken("an error event in mid-stream", wire(sound[:middle])+wire([]event{overloaded})),
	broken("ends in mid-stream, as if complete", wire(sound[:middle])),
	broken("ends within an event, as if complete", wire(sound[:middle])+half(wire(sound[middle:middle+1]))),
	{"reset in mid-stream", fails, "", func(w http.ResponseWriter) {
		streamed(wire(sound[:middle]))(w)
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		reset(c.(*net.TCPConn))
		_ = c.Close()
	}},
	{"ends before message_stop alone", either, reply, streamed(wire(sound[:end]))},
	broken("half of the JSON in an event", wire(sound[:middle])+wire([]event{{"content_block_delta", half(sound[middle].data)}})+wire(sound[middle+1:])),
	broken("a delta for a block that never began", strings.Replace(wire(sound), `"index":0,"delta":{"type":"text_delta","text":" than`, `"index":1,"delta":{"type":"text_delta","text":" than`, 1)),
	{"the answer as JSON in place of a stream", either, reply, typed("application/json", message)},
	{"a page of HTML", fails, "", typed("text/html; charset=utf-8", "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>Log in to use the network.</body></html>\n")},
}

// odd is a stream of all of the answer.
func odd(name, body string) oddity { return oddity{name, whole, reply, streamed(body)} }

// broken is a stream that lacks something of it, or may.
func broken(name, body string) oddity { return oddity{name, fails, "", streamed(body)} }

// streamed sends what is, or follows, a part of a stream.
func streamed(body string) func(http.ResponseWriter) { return typed("text/event-stream", body) }

func typed(contentType, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body) // the client may have left
		_ = http.NewResponseController(w).Flush()
	}
}

func wire(events []event) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString("event: " + e.name + "\ndata: " + e.data + "\n\n")
	}
	return b.String()
}

func unnamed() string {
	var b strings.Builder
	for _, e := range sound {
		b.WriteString("data: " + e.data + "\n\n")
	}
	return b.String()
}

func pinged() (events []event) {
	for _, e := range sound {
		events = append(events, ping, e)
	}
	return events
}

func long(size int) string { return strings.Repeat("blue ", size/5) }

func half(text string) string { return text[:len(text)/2] }
