// Package wire reads and writes JSON (RFC 8259) the way the claude package needs
// it: bodies are written once, in one pass, with large strings borrowed instead
// of copied; answers are read in place, with strings that point into the answer.
//
// It knows nothing of the Messages API.
package wire

import (
	"fmt"
	"io"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// borrowMin is the length from which a string is borrowed instead of copied.
// Below it, the bookkeeping costs more than the copy.
const borrowMin = 4 << 10

// An Encoder builds a JSON body. The zero value is ready to use. It writes what
// it is told: the caller sees to it that keys and values alternate. The first
// error sticks; see Err.
type Encoder struct {
	buf      []byte
	borrowed []insert
	extra    int // bytes in borrowed
	depth    int
	member   string // the last one begun
	err      error
	at       string // the member begun when err occurred
}

// insert is a borrowed string and the place in buf before which it stands.
type insert struct {
	at int
	s  string
}

// NewEncoder returns an Encoder with room for size bytes.
func NewEncoder(size int) *Encoder { return new(MakeEncoder(size)) }

// MakeEncoder is NewEncoder for an Encoder that is part of something else.
func MakeEncoder(size int) Encoder { return Encoder{buf: make([]byte, 0, size)} }

// Err returns the first error.
func (e *Encoder) Err() error { return e.err }

// Fail records an error, unless there is one already.
func (e *Encoder) Fail(err error) {
	if e.err == nil {
		e.err, e.at = err, e.member
	}
}

// At returns the name of the member in which the first error occurred.
func (e *Encoder) At() string { return e.at }

// Open begins an object '{' or an array '['.
func (e *Encoder) Open(c byte) {
	e.comma()
	e.buf = append(e.buf, c)
	if e.depth++; e.depth > MaxDepth {
		e.Fail(ErrDepth)
	}
}

// Close ends an object '}' or an array ']'.
func (e *Encoder) Close(c byte) {
	e.buf = append(e.buf, c)
	e.depth--
}

// Key writes the name of a member. It must not need escaping.
func (e *Encoder) Key(name string) {
	e.comma()
	e.member = name
	e.buf = append(e.buf, '"')
	e.buf = append(e.buf, name...)
	e.buf = append(e.buf, '"', ':')
}

// comma separates the next value from the one before it, where there is one.
// The last byte written tells: values end in none of the three.
func (e *Encoder) comma() {
	if n := len(e.buf); n > 0 {
		switch e.buf[n-1] {
		case '{', '[', ':':
		default:
			e.buf = append(e.buf, ',')
		}
	}
}

// QuotedKey writes the name of a member that may need escaping.
func (e *Encoder) QuotedKey(name string) {
	e.String(name)
	e.member = name
	e.buf = append(e.buf, ':')
}

// String writes a string value. Invalid UTF-8 is an error: JSON cannot carry it,
// and replacing it would change what the caller said.
func (e *Encoder) String(s string) {
	e.comma()
	clean, ascii := scanString(s)
	if !ascii && !utf8.ValidString(s) {
		e.Fail(&UTF8Error{Offset: invalidAt(s)})
		s, clean = "", 0
	}
	e.buf = append(e.buf, '"')
	switch {
	case clean == len(s) && len(s) >= borrowMin:
		e.borrow(s)
	case len(s) >= borrowMin:
		// One copy of the right size, instead of one for each time buf grows.
		b := appendEscaped(make([]byte, 0, escapedLen(s, clean)), s)
		e.borrow(unsafe.String(unsafe.SliceData(b), len(b)))
	case clean == len(s):
		e.buf = append(e.buf, s...)
	default:
		e.buf = appendEscaped(append(e.buf, s[:clean]...), s[clean:])
	}
	e.buf = append(e.buf, '"')
}

func (e *Encoder) borrow(s string) {
	e.borrowed = append(e.borrowed, insert{len(e.buf), s})
	e.extra += len(s)
}

// Int writes an integer.
func (e *Encoder) Int(n int64) {
	e.comma()
	e.buf = strconv.AppendInt(e.buf, n, 10)
}

// Float writes a number. JSON has no NaN and no infinity: they are an error.
func (e *Encoder) Float(x float64) {
	e.comma()
	if math.IsNaN(x) || math.IsInf(x, 0) {
		e.Fail(fmt.Errorf("%v is not a JSON number", x))
		x = 0
	}
	e.buf = strconv.AppendFloat(e.buf, x, 'g', -1, 64)
}

// Bool writes true or false.
func (e *Encoder) Bool(b bool) {
	e.comma()
	e.buf = strconv.AppendBool(e.buf, b)
}

// Null writes null.
func (e *Encoder) Null() {
	e.comma()
	e.buf = append(e.buf, "null"...)
}

// Raw writes a JSON value as it is, after checking that it is one.
func (e *Encoder) Raw(value []byte) {
	e.comma()
	if err := Valid(value, MaxDepth-e.depth); err != nil {
		e.Fail(err)
		value = []byte("null")
	}
	if len(value) >= borrowMin {
		e.borrow(string(value[:len(value)-1])) // a copy: the bytes may change
		value = value[len(value)-1:]           // comma looks at the last byte
	}
	e.buf = append(e.buf, value...)
}

// Bytes returns what was written as one slice.
func (e *Encoder) Bytes() []byte {
	if len(e.borrowed) == 0 {
		return e.buf
	}
	out := make([]byte, 0, e.Len())
	from := 0
	for _, in := range e.borrowed {
		out = append(out, e.buf[from:in.at]...)
		out = append(out, in.s...)
		from = in.at
	}
	return append(out, e.buf[from:]...)
}

// Len returns how many bytes were written.
func (e *Encoder) Len() int { return len(e.buf) + e.extra }

// Body returns what was written as a body that can be read any number of times.
// The Encoder must not be used afterwards.
func (e *Encoder) Body() Body { return Body{buf: e.buf, borrowed: e.borrowed, size: e.Len()} }

// A Body is a finished JSON text in pieces. It is immutable.
type Body struct {
	buf      []byte
	borrowed []insert
	size     int
}

// BodyOf returns a Body that reads as b, which must not change any more.
func BodyOf(b []byte) Body { return Body{buf: b, size: len(b)} }

// Len returns its length in bytes.
func (b Body) Len() int { return b.size }

// Head returns at most n bytes from the beginning.
func (b Body) Head(n int) []byte {
	head := make([]byte, min(n, b.size))
	k, _ := io.ReadFull(b.Reader(), head)
	return head[:k]
}

// Reader returns a new reader from the beginning.
func (b Body) Reader() *BodyReader { return &BodyReader{body: b} }

// A BodyReader reads a Body. The zero value reads an empty one.
type BodyReader struct {
	body Body
	next int // the next borrowed piece
	off  int // read so far of buf, or of that piece when inside it
	in   bool
	pos  int // read so far of buf while inside a piece
}

// Read copies the pieces in their order.
func (r *BodyReader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if r.in {
			s := r.body.borrowed[r.next].s
			k := copy(p[n:], s[r.off:])
			n, r.off = n+k, r.off+k
			if r.off == len(s) {
				r.in, r.off, r.next = false, r.pos, r.next+1
			}
			continue
		}
		end := len(r.body.buf)
		if r.next < len(r.body.borrowed) {
			end = r.body.borrowed[r.next].at
		}
		k := copy(p[n:], r.body.buf[r.off:end])
		n, r.off = n+k, r.off+k
		if r.off < end {
			break // p is full
		}
		if r.next == len(r.body.borrowed) {
			if n == 0 {
				return 0, io.EOF
			}
			break
		}
		r.in, r.pos, r.off = true, r.off, 0
	}
	return n, nil
}

// Reset makes it read b from the beginning.
func (r *BodyReader) Reset(b Body) { *r = BodyReader{body: b} }

// A UTF8Error is text that is not valid UTF-8.
type UTF8Error struct{ Offset int }

// Error names the byte offset.
func (e *UTF8Error) Error() string { return fmt.Sprintf("invalid UTF-8 at byte %d", e.Offset) }

func invalidAt(s string) int {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return len(s)
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special has the high bit of every byte set that is a quote, a backslash or a
// control character. Bytes after the first such one may be marked wrongly.
func special(w uint64) uint64 {
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return ((w-ones*0x20) & ^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
}

func load(s string, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

// scanString returns how many bytes from the start need no escaping, and whether
// the whole string is ASCII.
func scanString(s string) (clean int, ascii bool) {
	var seen uint64
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := load(s, i)
		if special(w) != 0 {
			break
		}
		seen |= w
	}
	clean = skipPlain(s, i)
	for ; i+8 <= len(s); i += 8 {
		seen |= load(s, i)
	}
	for ; i < len(s); i++ {
		seen |= uint64(s[i])
	}
	return clean, seen&highs == 0
}

// skipPlain returns the index of the first byte from i on that is a quote, a
// backslash or a control character, or len(s).
func skipPlain(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		if marks := special(load(s, i)); marks != 0 {
			return i + bits.TrailingZeros64(marks)>>3
		}
	}
	for i < len(s) && s[i] >= 0x20 && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

// escapedLen returns the length of s with escapes; the first clean bytes need none.
func escapedLen(s string, clean int) int {
	n := len(s)
	for i := clean; i < len(s); i = skipPlain(s, i+1) {
		switch s[i] {
		case '"', '\\', '\n', '\r', '\t':
			n++
		default:
			n += 5
		}
	}
	return n
}

const hex = "0123456789abcdef"

func appendEscaped(dst []byte, s string) []byte {
	for {
		i := skipPlain(s, 0)
		dst = append(dst, s[:i]...)
		if i == len(s) {
			return dst
		}
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		s = s[i+1:]
	}
}
