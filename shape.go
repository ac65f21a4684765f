package claude

import (
	"errors"
	"strconv"
	"strings"

	"github.com/steadfast-go/claude/internal/wire"
)

// shape finds what is wrong with the form of a raw body while it is decoded into
// a [Request]: members that are missing, null, unknown or of the wrong type. It
// notes the fault, skips the value and goes on, so that all faults are found.
type shape struct {
	path   []string // where we are: member names and "[i]"
	frames []frame  // one per open object
	faults []fault  // what was found
	wires  []*wire.Decoder
}

type frame struct {
	seen map[string]bool
	need []string
}

// fault is one thing wrong with the form of a body.
type fault struct {
	path string
	kind faultKind
	text string // for wrongType: what was expected
}

type faultKind uint8

const (
	missing faultKind = iota
	isNull
	unknownMember
	wrongType
)

func (s *shape) note(kind faultKind, name, text string) {
	path := strings.Join(s.path, "")
	if name != "" {
		path = joinPath(path, name)
	}
	s.faults = append(s.faults, fault{path: path, kind: kind, text: text})
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (s *shape) push(name string) {
	if len(s.path) > 0 && name[0] != '[' {
		name = "." + name
	}
	s.path = append(s.path, name)
}

func (s *shape) pop() { s.path = s.path[:len(s.path)-1] }

func (s *shape) begin() { s.frames = append(s.frames, frame{seen: make(map[string]bool)}) }

func (s *shape) see(name string) { s.frames[len(s.frames)-1].seen[name] = true }

func (s *shape) need(name string) {
	top := &s.frames[len(s.frames)-1]
	for _, n := range top.need {
		if n == name {
			return
		}
	}
	top.need = append(top.need, name)
}

func (s *shape) end(f *fields) {
	top := s.frames[len(s.frames)-1]
	s.frames = s.frames[:len(s.frames)-1]
	if f.dec.Err() != nil {
		return // what is missing behind a fault is unknown
	}
	for _, name := range top.need {
		if !top.seen[name] {
			s.note(missing, name, "")
		}
	}
}

func (s *shape) unknown(f *fields) { s.note(unknownMember, f.key, "") }

// enter begins the value of a member. It decodes from a copy of the decoder's
// position, so that leave can move behind the value whatever became of it.
func (s *shape) enter(f *fields, name string) bool {
	s.push(name)
	if f.dec.Null() {
		s.note(isNull, "", "")
		s.pop()
		return false
	}
	s.isolate(f)
	return true
}

func (s *shape) leave(f *fields) {
	s.rejoin(f)
	s.pop()
}

func (s *shape) element(f *fields, i int, decode func(int)) {
	s.push("[" + strconv.Itoa(i) + "]")
	s.isolate(f)
	decode(i)
	s.rejoin(f)
	s.pop()
}

// isolate gives the next value a decoder of its own, so that a wrong type in it
// does not end the decoding of what follows.
func (s *shape) isolate(f *fields) {
	outer := f.dec
	s.wires = append(s.wires, outer)
	f.dec = wire.NewDecoder(outer.Raw())
	if outer.Err() != nil {
		f.dec.Fail(outer.Err()) // not JSON: nothing to go on with
	}
}

func (s *shape) rejoin(f *fields) {
	inner := f.dec
	outer := s.wires[len(s.wires)-1]
	s.wires = s.wires[:len(s.wires)-1]
	f.dec = outer
	if n := inner.LoneSurrogate; n > 0 && outer.LoneSurrogate == 0 {
		outer.LoneSurrogate = n
	}
	if err := inner.Err(); err != nil && outer.Err() == nil {
		text := "a value of another type"
		if e, ok := errors.AsType[*wire.TypeError](err); ok {
			text = e.Want + ", found " + e.Got
		} else if errors.Is(err, wire.ErrInteger) {
			text = "an integer"
		}
		s.note(wrongType, "", text)
	}
}
