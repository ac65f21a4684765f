package wire

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// MaxDepth is how deep objects and arrays may nest.
const MaxDepth = 1000

// ErrDepth is nesting beyond MaxDepth.
var ErrDepth = fmt.Errorf("nested deeper than %d levels", MaxDepth)

// A SyntaxError is a text that is not JSON. It never quotes the text.
type SyntaxError struct {
	Offset int    // in bytes, from the start
	Want   string // what should have stood there
}

// Error names what was expected, and where.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at byte %d: expected %s", e.Offset, e.Want)
}

// A TypeError is a value of another type than expected.
type TypeError struct {
	Offset int
	Want   string
	Got    string
}

// Error names both types.
func (e *TypeError) Error() string {
	return fmt.Sprintf("expected %s, found %s at byte %d", e.Want, e.Got, e.Offset)
}

// A Decoder reads a JSON text in place: strings without escapes point into it.
// The first error sticks; after it every method returns zero values.
//
// An object is read by BeginObject and NextMember until that says no, an array
// by BeginArray and NextElement; between two of them the value must be consumed.
type Decoder struct {
	data  string
	pos   int
	depth int
	fresh bool // an object or array has just begun: no comma is due
	err   error

	// LoneSurrogate is the offset after the first \u escape that is half a pair,
	// 0 if there is none. It reads as U+FFFD.
	LoneSurrogate int
}

// NewDecoder returns a Decoder for data, which must not change while anything
// read from it is in use.
func NewDecoder(data string) *Decoder { return &Decoder{data: data} }

// MakeDecoder is NewDecoder without the pointer.
func MakeDecoder(data string) Decoder { return Decoder{data: data} }

// Err returns the first error.
func (d *Decoder) Err() error { return d.err }

// Fail records an error, unless there is one already.
func (d *Decoder) Fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// Pos returns the offset of the next byte to be read.
func (d *Decoder) Pos() int { return d.pos }

func (d *Decoder) want(what string) {
	d.Fail(&SyntaxError{Offset: d.pos, Want: what})
}

func (d *Decoder) space() {
	for d.pos < len(d.data) && d.data[d.pos] <= ' ' {
		switch d.data[d.pos] {
		case ' ', '\n', '\r', '\t':
			d.pos++
		default:
			return
		}
	}
}

// Kind returns the first byte of the next value: '{', '[', '"', 't', 'f', 'n',
// or '0' for any number. It is 0 at the end and where no value begins.
func (d *Decoder) Kind() byte {
	if d.err != nil {
		return 0
	}
	d.space()
	if d.pos == len(d.data) {
		return 0
	}
	switch c := d.data[d.pos]; c {
	case '{', '[', '"', 't', 'f', 'n':
		return c
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return '0'
	}
	return 0
}

func kindName(kind byte) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	case '0':
		return "a number"
	}
	return "a value"
}

// expect reports whether the next value is of the kind, and fails if not.
func (d *Decoder) expect(kind byte) bool {
	got := d.Kind()
	switch {
	case d.err != nil:
		return false
	case got == 0:
		d.want(kindName(kind))
		return false
	case got != kind:
		d.Fail(&TypeError{Offset: d.pos, Want: kindName(kind), Got: kindName(got)})
		return false
	}
	return true
}

func (d *Decoder) begin(c byte) bool {
	if !d.expect(c) {
		return false
	}
	d.pos++
	d.fresh = true
	if d.depth++; d.depth > MaxDepth {
		d.Fail(ErrDepth)
		return false
	}
	return true
}

// next moves to the next member or element; false at the end or on an error.
func (d *Decoder) next(closer byte) bool {
	if d.err != nil {
		return false
	}
	d.space()
	if d.pos < len(d.data) {
		switch c := d.data[d.pos]; {
		case c == closer:
			d.pos++
			d.depth--
			d.fresh = false
			return false
		case d.fresh:
			d.fresh = false
			return true
		case c == ',':
			d.pos++
			return true
		}
	}
	if closer == '}' {
		d.want("a comma or the end of the object")
	} else {
		d.want("a comma or the end of the array")
	}
	return false
}

// BeginObject enters an object.
func (d *Decoder) BeginObject() bool { return d.begin('{') }

// NextMember moves to the next member and returns its name.
func (d *Decoder) NextMember() (name string, ok bool) {
	if !d.next('}') {
		return "", false
	}
	d.space()
	if d.pos == len(d.data) || d.data[d.pos] != '"' {
		d.want("the name of a member")
		return "", false
	}
	name = d.String()
	d.space()
	if d.err == nil && (d.pos == len(d.data) || d.data[d.pos] != ':') {
		d.want("a colon")
	}
	if d.err != nil {
		return "", false
	}
	d.pos++
	return name, true
}

// BeginArray enters an array.
func (d *Decoder) BeginArray() bool { return d.begin('[') }

// NextElement moves to the next element.
func (d *Decoder) NextElement() bool { return d.next(']') }

// End fails if anything but white space is left.
func (d *Decoder) End() {
	if d.err == nil {
		d.space()
		if d.pos < len(d.data) {
			d.want("the end")
		}
	}
}

// String reads a string. It points into the data if it has no escapes.
func (d *Decoder) String() string {
	if !d.expect('"') {
		return ""
	}
	start := d.pos + 1
	i := skipPlain(d.data, start)
	if i < len(d.data) && d.data[i] == '"' {
		d.pos = i + 1
		return d.data[start:i]
	}
	return d.unescape(start, i)
}

// StringIs reports whether the next value is the string s, written without
// escapes. It consumes nothing.
func (d *Decoder) StringIs(s string) bool {
	if d.Kind() != '"' {
		return false
	}
	rest := d.data[d.pos+1:]
	return len(rest) > len(s) && rest[:len(s)] == s && rest[len(s)] == '"'
}

// unescape reads a string from start whose first byte to care about is at i.
func (d *Decoder) unescape(start, i int) string {
	// The length is found first, so that the copy is allocated once.
	out := make([]byte, 0, closing(d.data, i)-start)
	for {
		out = append(out, d.data[start:i]...)
		if i == len(d.data) {
			d.pos = i
			d.want("the end of the string")
			return ""
		}
		switch c := d.data[i]; {
		case c == '"':
			d.pos = i + 1
			if len(out) < cap(out)/2 {
				return string(out) // mostly \u escapes: don't keep twice the room
			}
			return unsafe.String(unsafe.SliceData(out), len(out)) // out is ours, and full
		case c < 0x20:
			d.pos = i
			d.want("no control character in a string")
			return ""
		}
		if i+1 < len(d.data) && simple[d.data[i+1]] != 0 {
			out = append(out, simple[d.data[i+1]])
			i += 2
		} else {
			var ok bool
			if out, i, ok = d.escape(out, i); !ok {
				d.pos = i
				d.want("a valid escape sequence")
				return ""
			}
		}
		start = i
		i = skipPlain(d.data, i)
	}
}

// closing returns the index of the first quote from i on that no backslash
// escapes, or len(s). No escape sequence begins before i.
func closing(s string, i int) int {
	for from := i; ; {
		n := strings.IndexByte(s[from:], '"')
		if n < 0 {
			return len(s)
		}
		quote := from + n
		slashes := 0
		for quote-slashes > i && s[quote-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return quote
		}
		from = quote + 1
	}
}

// simple has what a letter means behind a backslash.
var simple = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escape appends the character of the escape sequence at i and returns the index
// behind it.
func (d *Decoder) escape(out []byte, i int) ([]byte, int, bool) {
	if i+1 >= len(d.data) {
		return out, i, false
	}
	switch c := d.data[i+1]; {
	case simple[c] != 0:
		return append(out, simple[c]), i + 2, true
	case c == 'u':
		r, ok := hex4(d.data, i+2)
		if !ok {
			return out, i, false
		}
		i += 6
		if utf16.IsSurrogate(r) {
			low, ok := rune(0), false
			if i+1 < len(d.data) && d.data[i] == '\\' && d.data[i+1] == 'u' {
				low, ok = hex4(d.data, i+2)
			}
			pair := utf16.DecodeRune(r, low)
			if ok && pair != utf8.RuneError {
				i += 6
			} else if d.LoneSurrogate == 0 {
				d.LoneSurrogate = i
			}
			r = pair
		}
		return utf8.AppendRune(out, r), i, true
	}
	return out, i, false
}

func hex4(s string, i int) (r rune, ok bool) {
	if i+4 > len(s) {
		return 0, false
	}
	for _, c := range []byte(s[i : i+4]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// number consumes a number and returns its text.
func (d *Decoder) number() string {
	if !d.expect('0') {
		return ""
	}
	start := d.pos
	if d.data[d.pos] == '-' {
		d.pos++
	}
	if d.pos < len(d.data) && d.data[d.pos] == '0' {
		d.pos++
	} else if !d.digits() {
		return ""
	}
	if d.pos < len(d.data) && d.data[d.pos] == '.' {
		d.pos++
		if !d.digits() {
			return ""
		}
	}
	if d.pos < len(d.data) && d.data[d.pos]|0x20 == 'e' {
		d.pos++
		if d.pos < len(d.data) && (d.data[d.pos] == '+' || d.data[d.pos] == '-') {
			d.pos++
		}
		if !d.digits() {
			return ""
		}
	}
	return d.data[start:d.pos]
}

func (d *Decoder) digits() bool {
	start := d.pos
	for d.pos < len(d.data) && '0' <= d.data[d.pos] && d.data[d.pos] <= '9' {
		d.pos++
	}
	if d.pos == start {
		d.want("a digit")
		return false
	}
	return true
}

// ErrInteger is a number with a fraction, or one too large, where an integer is due.
var ErrInteger = errors.New("expected an integer")

// Int reads an integer. 1.0 and 1e3 are integers too.
func (d *Decoder) Int() int64 {
	text := d.number()
	if d.err != nil {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil {
		return n
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || x != math.Trunc(x) || math.Abs(x) >= 1<<63 {
		d.Fail(ErrInteger)
		return 0
	}
	return int64(x)
}

// ErrRange is a number too large for a float64.
var ErrRange = errors.New("number out of range")

// Float reads a number.
func (d *Decoder) Float() float64 {
	text := d.number()
	if d.err != nil {
		return 0
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		d.Fail(ErrRange)
		return 0
	}
	return x
}

// Bool reads true or false.
func (d *Decoder) Bool() bool {
	switch d.Kind() {
	case 't':
		d.literal("true")
		return d.err == nil
	case 'f':
		d.literal("false")
		return false
	}
	d.expect('t')
	return false
}

// Null consumes null if it is next, and reports whether it was.
func (d *Decoder) Null() bool {
	if d.Kind() != 'n' {
		return false
	}
	d.literal("null")
	return d.err == nil
}

func (d *Decoder) literal(word string) {
	if len(d.data)-d.pos < len(word) || d.data[d.pos:d.pos+len(word)] != word {
		d.want(word)
		return
	}
	d.pos += len(word)
}

// Raw consumes any value and returns its text, a part of the data.
func (d *Decoder) Raw() string {
	d.Kind()
	start := d.pos
	d.Skip()
	if d.err != nil {
		return ""
	}
	return d.data[start:d.pos]
}

// Skip consumes any value, checking that it is well formed.
func (d *Decoder) Skip() {
	switch d.Kind() {
	case '{':
		for ok := d.BeginObject(); ok; {
			if _, ok = d.NextMember(); ok {
				d.Skip()
			}
		}
	case '[':
		for ok := d.BeginArray(); ok; {
			if ok = d.NextElement(); ok {
				d.Skip()
			}
		}
	case '"':
		d.skipString()
	case '0':
		d.number()
	case 't', 'f':
		d.Bool()
	case 'n':
		d.literal("null")
	default:
		d.want("a value")
	}
}

// skipString is String without its result.
func (d *Decoder) skipString() {
	var scratch [utf8.UTFMax]byte
	for i := d.pos + 1; ; {
		i = skipPlain(d.data, i)
		switch {
		case i == len(d.data):
			d.pos = i
			d.want("the end of the string")
			return
		case d.data[i] == '"':
			d.pos = i + 1
			return
		case d.data[i] == '\\':
			var ok bool
			if _, i, ok = d.escape(scratch[:0], i); ok {
				continue
			}
		}
		d.pos = i
		d.want("a valid character in a string")
		return
	}
}

// PeekString returns the string that the object about to be read has as the
// named member, without consuming anything. It is "" where there is none.
func (d *Decoder) PeekString(name string) (value string) {
	ahead := *d // stays on the stack
	for ok := ahead.BeginObject(); ok; {
		var key string
		if key, ok = ahead.NextMember(); !ok {
			break
		}
		if key != name {
			ahead.Skip()
			continue
		}
		if ahead.Kind() != '"' {
			break
		}
		return ahead.String()
	}
	return ""
}

// Valid returns an error unless data is one JSON value that nests at most depth
// levels deep and is valid UTF-8.
func Valid(data []byte, depth int) error {
	s := unsafe.String(unsafe.SliceData(data), len(data)) // only read, and only until we return
	if !utf8.ValidString(s) {
		return &UTF8Error{Offset: invalidAt(s)}
	}
	d := NewDecoder(s)
	d.depth = MaxDepth - depth
	d.Skip()
	d.End()
	return d.Err()
}

// PlainEnd returns how much of a JSON string, behind its first quote, is plain: the
// index of the first quote, backslash or control character, or len(s). ascii says that
// nothing up to there is beyond ASCII.
func PlainEnd(s string) (end int, ascii bool) {
	var seen uint64
	for ; end+8 <= len(s); end += 8 {
		w := load(s, end)
		if marks := special(w); marks != 0 {
			n := bits.TrailingZeros64(marks) &^ 7
			return end + n>>3, (seen|w&(1<<n-1))&highs == 0
		}
		seen |= w
	}
	for end < len(s) && s[end] >= 0x20 && s[end] != '"' && s[end] != '\\' {
		seen |= uint64(s[end])
		end++
	}
	return end, seen&highs == 0
}

// AppendUnescaped appends a JSON string, behind its first quote, with its escapes
// resolved; the first plain bytes are known to have none. It returns the index of
// the closing quote. Where there is none, or where a thorough decoder would
// complain or mend, ok is false.
func AppendUnescaped(out []byte, s string, plain int) (_ []byte, end int, ok bool) {
	d := Decoder{data: s}
	start, i := 0, plain
	for {
		out = append(out, s[start:i]...)
		switch {
		case i == len(s) || s[i] < 0x20:
			return out, i, false
		case s[i] == '"':
			return out, i, d.LoneSurrogate == 0
		}
		if out, i, ok = d.escape(out, i); !ok {
			return out, i, false
		}
		start = i
		i = skipPlain(s, i)
	}
}
