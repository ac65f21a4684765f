// Package sse reads event streams as the WHATWG has them
// (https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6):
// lines end in LF, CRLF or CR, a byte order mark may come first, comments and
// unknown fields are skipped, several data lines are joined, and an event counts
// once the blank line behind it has come.
package sse

import (
	"bytes"
	"errors"
	"io"
)

// ErrTooLarge is an event over the reader's limit.
var ErrTooLarge = errors.New("event too large")

// A buffer begins small, because most streams trickle, and a program may have
// thousands of them. It grows where reads fill it, and to hold the largest event.
const (
	firstBuffer = 2 << 10
	fastBuffer  = 16 << 10 // as far as it grows for reads alone
)

// A Reader reads events. It keeps one buffer, which grows to the largest event.
type Reader struct {
	src   io.Reader
	limit int
	err   error // of src, to be returned once the buffer is used up

	buf     []byte
	event   int  // where the event at hand begins in buf
	pos     int  // where the next line begins
	scanned int  // nothing before it ends that line
	end     int  // of what was read
	begun   bool // the start of the stream has been looked at
	afterCR bool // the last line ended in CR: a LF that follows belongs to it
	anyCR   bool // there is a CR in buf
	filled  bool // the last read left no room

	name, data span
	joined     []byte // the data of an event with several lines of it
	lines      int    // of data

	named  [maxNamed]byte // the last line with a name, its end included
	length int            // of that; 0: there was none so short
	nameAt int            // where the name begins in it
}

// maxNamed is how long a line with a name may be to be remembered.
const maxNamed = 48

// span is a part of buf.
type span struct{ from, to int }

// NewReader returns a Reader of events up to limit bytes each.
func NewReader(src io.Reader, limit int) *Reader { return &Reader{src: src, limit: limit} }

// Continue makes the Reader read on from another source, where the one before stopped.
func (s *Reader) Continue(src io.Reader) { s.src = src }

// Next returns the next event: its name, empty where the stream gives none, and
// its data. Both are valid until Next is called again. Events without data are
// skipped, as the standard has it. At the end of the source Next returns the
// source's error; an event without the blank line behind it is not returned.
func (s *Reader) Next() (name, data []byte, err error) {
	if s.err != nil && errors.Is(s.err, ErrTooLarge) {
		return nil, nil, s.err
	}
	s.begin()
	for {
		if s.event == s.pos && s.sameName() {
			continue
		}
		line, ok := s.line()
		if !ok {
			if err := s.fill(); err != nil {
				return nil, nil, err
			}
			continue
		}
		if line.from < line.to {
			s.field(line)
			continue
		}
		if s.lines == 0 {
			s.begin()
			continue
		}
		if s.pos-s.event > s.limit {
			s.err = ErrTooLarge
			return nil, nil, s.err
		}
		name, data = s.buf[s.name.from:s.name.to], s.buf[s.data.from:s.data.to]
		if s.lines > 1 {
			data = s.joined
		}
		return name, data, nil
	}
}

// begin begins an event.
func (s *Reader) begin() {
	s.event, s.name, s.data, s.lines = s.pos, span{}, span{}, 0
}

// line takes the next line, if all of it is there.
func (s *Reader) line() (line span, ok bool) {
	if s.afterCR && s.pos < s.end {
		s.afterCR = false
		if s.buf[s.pos] == '\n' {
			s.pos++
			s.scanned = s.pos
		}
	}
	rest := s.buf[s.scanned:s.end]
	n := 0
	if len(rest) == 0 || rest[0] != '\n' { // most often every third line is blank
		n = bytes.IndexByte(rest, '\n')
		if s.anyCR {
			before := rest
			if n >= 0 {
				before = rest[:n]
			}
			if m := bytes.IndexByte(before, '\r'); m >= 0 {
				n = m
			}
		}
	}
	if n < 0 {
		s.scanned = s.end
		return span{}, false
	}
	stop := s.scanned + n
	line = span{s.pos, stop}
	s.afterCR = s.buf[stop] == '\r'
	s.pos = stop + 1
	s.scanned = s.pos
	return line, true
}

// field takes a line that is not blank.
func (s *Reader) field(line span) {
	text := s.buf[line.from:line.to]
	switch { // nearly all that comes
	case len(text) >= 5 && string(text[:5]) == "data:":
		s.take(line.value(text, 5))
		return
	case len(text) >= 6 && string(text[:6]) == "event:":
		s.name = line.value(text, 6)
		if len(text) < maxNamed && s.buf[line.to] == '\n' {
			s.length, s.nameAt = copy(s.named[:], s.buf[line.from:s.pos]), s.name.from-line.from
		}
		return
	}
	colon := bytes.IndexByte(text, ':')
	if colon == 0 {
		if s.lines == 0 && s.name.to == 0 {
			s.event = s.pos // a comment: nothing of the event has come
		}
		return
	}
	field, at := text, len(text)
	if colon > 0 {
		field, at = text[:colon], colon+1
	}
	switch string(field) {
	case "data":
		s.take(line.value(text, at))
	case "event":
		s.name = line.value(text, at)
	}
}

// sameName takes the line that an event begins with where it is that of the one before:
// of most events it is, and comparing is faster than looking for its end.
func (s *Reader) sameName() bool {
	n := s.length
	if n == 0 || s.afterCR || s.scanned != s.pos || s.end-s.pos < n || string(s.buf[s.pos:s.pos+n]) != string(s.named[:n]) {
		return false
	}
	s.name = span{s.pos + s.nameAt, s.pos + n - 1}
	s.pos += n
	s.scanned = s.pos
	return true
}

// value returns what follows a colon, without the one space that may come first.
func (line span) value(text []byte, at int) span {
	if at < len(text) && text[at] == ' ' {
		at++
	}
	return span{line.from + at, line.to}
}

// take takes a line of data.
func (s *Reader) take(value span) {
	s.lines++
	switch s.lines {
	case 1:
		s.data = value
		return
	case 2:
		s.joined = append(s.joined[:0], s.buf[s.data.from:s.data.to]...)
	}
	s.joined = append(s.joined, '\n')
	s.joined = append(s.joined, s.buf[value.from:value.to]...)
}

// fill reads more behind what is there.
func (s *Reader) fill() error {
	if s.err != nil {
		return s.err
	}
	if s.end-s.event > s.limit {
		s.err = ErrTooLarge
		return s.err
	}
	s.makeRoom()
	n, err := 0, error(nil)
	for try := 0; n == 0 && err == nil; try++ {
		if try == 100 {
			err = io.ErrNoProgress
			break
		}
		n, err = s.src.Read(s.buf[s.end:])
	}
	s.filled = s.end+n == len(s.buf)
	s.anyCR = s.anyCR || bytes.IndexByte(s.buf[s.end:s.end+n], '\r') >= 0
	s.end += n
	s.err = err
	if !s.begun {
		return s.skipMark()
	}
	return nil
}

// skipMark skips a byte order mark once enough has come to tell.
func (s *Reader) skipMark() error {
	const mark = "\xEF\xBB\xBF"
	head := s.buf[s.pos:s.end]
	switch {
	case len(head) >= len(mark):
		s.begun = true
		if string(head[:len(mark)]) == mark {
			s.pos += len(mark)
			s.scanned, s.event = s.pos, s.pos
		}
	case s.err != nil || !bytes.HasPrefix([]byte(mark), head):
		s.begun = true
	default:
		return s.fill()
	}
	return nil
}

// makeRoom keeps half of the buffer free: it moves the event at hand to the start, and
// grows the buffer if that is not enough or reads fill it.
func (s *Reader) makeRoom() {
	half := len(s.buf) / 2
	if s.event > 0 && (s.event == s.end || len(s.buf)-s.end < half) {
		shift := s.event
		copy(s.buf, s.buf[shift:s.end])
		s.event, s.pos, s.scanned, s.end = 0, s.pos-shift, s.scanned-shift, s.end-shift
		s.name.move(shift)
		s.data.move(shift)
		s.anyCR = s.anyCR && bytes.IndexByte(s.buf[:s.end], '\r') >= 0
	}
	if len(s.buf)-s.end <= half || s.filled && len(s.buf) < fastBuffer {
		grown := make([]byte, max(2*len(s.buf), firstBuffer))
		copy(grown, s.buf[:s.end])
		s.buf = grown
	}
}

func (p *span) move(shift int) {
	if p.to > 0 {
		p.from, p.to = p.from-shift, p.to-shift
	}
}
