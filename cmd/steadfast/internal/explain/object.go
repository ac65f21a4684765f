package explain

import (
	"strconv"
	"strings"
)

const (
	maxDepth = 32      // of an object in a text
	maxWork  = 1 << 20 // bytes that are read in search of objects
)

// objects returns the objects in a text, as far as they can be read. They are
// written as JSON has them, as Python prints a dict ('type': None), or as Node
// prints an object (type: 'error'), with escaped quotes where they were logged
// inside of a string.
func objects(text string) []map[string]any {
	var all []map[string]any
	budget := maxWork // what is begun and cannot be read must not be begun for ever
	for from := 0; len(all) < 16 && budget > 0; {
		i := strings.IndexByte(text[from:], '{')
		if i < 0 {
			break
		}
		from += i
		r := reader{s: text[from:]}
		o, ok := r.object(0)
		budget -= r.at
		if ok && len(o) > 0 {
			all = append(all, o)
			from += r.at
			continue
		}
		from++
	}
	if all == nil && strings.Contains(text, `\"`) {
		return objects(strings.ReplaceAll(text, `\"`, `"`))
	}
	return all
}

// reader reads one value; it is lenient, and never fails but for what it cannot
// read at all.
type reader struct {
	s  string
	at int
}

func (r *reader) space() {
	for r.at < len(r.s) && strings.IndexByte(" \t\n", r.s[r.at]) >= 0 {
		r.at++
	}
}

// take skips one of the given characters.
func (r *reader) take(chars string) bool {
	r.space()
	if r.at < len(r.s) && strings.IndexByte(chars, r.s[r.at]) >= 0 {
		r.at++
		return true
	}
	return false
}

func (r *reader) object(depth int) (map[string]any, bool) {
	o := map[string]any{}
	if depth > maxDepth || !r.take("{") {
		return nil, false
	}
	for {
		if r.take("}") {
			return o, true
		}
		key, ok := r.key()
		if !ok || !r.take(":") {
			return nil, false
		}
		value, ok := r.value(depth + 1)
		if !ok {
			return nil, false
		}
		o[key] = value
		if r.take(",") {
			continue
		}
		if r.space(); r.at == len(r.s) {
			return o, true // cut off, as pasted texts are: what has come counts
		}
	}
}

func (r *reader) key() (string, bool) {
	r.space()
	if r.at < len(r.s) && (r.s[r.at] == '"' || r.s[r.at] == '\'') {
		return r.text()
	}
	return r.word()
}

func (r *reader) value(depth int) (any, bool) {
	r.space()
	if r.at == len(r.s) {
		return nil, true
	}
	switch c := r.s[r.at]; c {
	case '{':
		return r.object(depth)
	case '[':
		return r.list(depth)
	case '"', '\'', '`':
		return r.text()
	}
	word, ok := r.word()
	if n, err := strconv.ParseFloat(word, 64); err == nil {
		return n, true
	}
	switch word {
	case "true", "True":
		return true, true
	case "false", "False":
		return false, true
	}
	return nil, ok // null, None, undefined and whatever else
}

func (r *reader) list(depth int) (any, bool) {
	var list []any
	if depth > maxDepth {
		return nil, false
	}
	for r.at++; ; {
		if r.take("]") {
			return list, true
		}
		before := r.at
		value, ok := r.value(depth + 1)
		if !ok || r.at == before { // such as Node's [Object]
			return nil, false
		}
		list = append(list, value)
		if !r.take(",") && r.at == len(r.s) {
			return list, true
		}
	}
}

// text reads a quoted string. One that is cut off ends with the text.
func (r *reader) text() (string, bool) {
	quote := r.s[r.at]
	var b strings.Builder
	for r.at++; r.at < len(r.s); r.at++ {
		c := r.s[r.at]
		if c == quote {
			r.at++
			return b.String(), true
		}
		if c != '\\' || r.at+1 == len(r.s) {
			b.WriteByte(c)
			continue
		}
		r.at++
		switch c := r.s[r.at]; c {
		case 'n':
			b.WriteByte('\n')
		case 't', 'r', 'b', 'f':
			b.WriteByte(' ')
		case 'u':
			if n, err := strconv.ParseUint(r.s[r.at+1:min(len(r.s), r.at+5)], 16, 16); err == nil && r.at+5 <= len(r.s) {
				b.WriteRune(rune(n))
				r.at += 4
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

// word reads a bare name or number.
func (r *reader) word() (string, bool) {
	start := r.at
	for r.at < len(r.s) {
		if !isWord(r.s[r.at]) {
			break
		}
		r.at++
	}
	return r.s[start:r.at], r.at > start
}

func isWord(c byte) bool {
	return strings.IndexByte("_$-+.", c) >= 0 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
