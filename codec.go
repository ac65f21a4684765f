package claude

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/steadfast-go/claude/internal/wire"
)

// Every wire type says once, in its fields method, which members it has; the
// same description encodes it, decodes it, and finds what is wrong with the
// shape of a raw body. Members without a description go to Extra and come back
// from there byte for byte.

// object is a type with a JSON object's shape.
type object interface{ fields(f *fields) }

// fields is the visitor that an object shows its members to. While encoding, enc
// is set and every member is written. While decoding, dec is set, key is the
// member at hand, and the description that knows it consumes its value.
type fields struct {
	enc *wire.Encoder
	dec *wire.Decoder
	key string
	hit bool

	object object // being encoded
	probe  bool   // only asks whether key has a description

	request bool // encoding for the API, which refuses some members it sends itself

	// shape collects what is wrong with a raw body; nil otherwise. With it,
	// decoding goes on behind a fault.
	shape *shape
}

// When a member is written.
const (
	optional = false // only when it is not zero
	required = true  // always
)

// mine reports whether the member at hand is name. Called once per description,
// it also serves the check for missing members. Most descriptions are not the one: it
// is short, so that they cost no call.
func (f *fields) mine(name string, must bool) bool {
	return (f.shape != nil || !f.hit && f.key == name) && f.takes(name, must)
}

func (f *fields) takes(name string, must bool) bool {
	if f.shape != nil && must {
		f.shape.need(name)
	}
	if f.hit || f.key != name {
		return false
	}
	f.hit = true
	if f.shape != nil {
		return f.shape.enter(f, name)
	}
	// null is absent.
	return !f.dec.Null()
}

// done ends a member that mine accepted.
func (f *fields) done() {
	if f.shape != nil {
		f.shape.leave(f)
	}
}

// constant describes a member with a fixed value, such as "type". A received
// value that differs is newer than this package: it goes to Extra, and back.
func (f *fields) constant(name, value string, extra Extra) {
	if _, other := extra[name]; other && (f.enc != nil || f.probe) {
		return // for rest
	}
	if f.enc != nil {
		f.enc.Key(name)
		f.enc.String(value)
		return
	}
	if f.shape == nil && !f.hit && f.key == name && f.dec.Kind() == '"' && !f.dec.StringIs(value) {
		return // for rest
	}
	if f.mine(name, required) {
		f.dec.Skip()
		f.done()
	}
}

// text describes a string.
func text[T ~string](f *fields, name string, p *T, must bool) {
	if f.enc != nil {
		if must || *p != "" {
			f.enc.Key(name)
			f.enc.String(string(*p))
		}
	} else if f.mine(name, must) {
		*p = T(f.dec.String())
		f.done()
	}
}

// textOrNull describes a string that is required and may be null: the one case
// where the API wants null.
func textOrNull(f *fields, name string, p **string) {
	switch {
	case f.enc == nil && f.key == name && !f.hit && f.dec.Null():
		f.hit = true
	case f.enc == nil:
		if f.mine(name, optional) {
			*p = new(f.dec.String())
			f.done()
		}
	case *p == nil:
		f.enc.Key(name)
		f.enc.Null()
	default:
		text(f, name, *p, required)
	}
}

// number describes an integer.
func number[T ~int | ~int64](f *fields, name string, p *T, must bool) {
	if f.enc != nil {
		if must || *p != 0 {
			f.enc.Key(name)
			f.enc.Int(int64(*p))
		}
	} else if f.mine(name, must) {
		*p = T(f.dec.Int())
		f.done()
	}
}

// flag describes a boolean.
func flag(f *fields, name string, p *bool, must bool) {
	if f.enc != nil {
		if must || *p {
			f.enc.Key(name)
			f.enc.Bool(*p)
		}
	} else if f.mine(name, must) {
		*p = f.dec.Bool()
		f.done()
	}
}

// scalar describes an optional value whose zero means something.
func scalar[T int | float64 | bool](f *fields, name string, p **T) {
	if f.enc != nil {
		if *p == nil {
			return
		}
		f.enc.Key(name)
		switch v := any(**p).(type) {
		case int:
			f.enc.Int(int64(v))
		case float64:
			f.enc.Float(v)
		case bool:
			f.enc.Bool(v)
		}
	} else if f.mine(name, optional) {
		var v T
		switch p := any(&v).(type) {
		case *int:
			*p = int(f.dec.Int())
		case *float64:
			*p = f.dec.Float()
		case *bool:
			*p = f.dec.Bool()
		}
		*p = &v
		f.done()
	}
}

// texts describes an array of strings.
func texts(f *fields, name string, p *[]string) {
	if f.enc != nil {
		if len(*p) == 0 {
			return
		}
		f.enc.Key(name)
		f.enc.Open('[')
		for _, s := range *p {
			f.enc.String(s)
		}
		f.enc.Close(']')
	} else if f.mine(name, optional) {
		*p = nil
		f.array(func(int) { *p = append(*p, f.dec.String()) })
		f.done()
	}
}

// rawJSON describes a value that is kept as it came.
func rawJSON(f *fields, name string, p *json.RawMessage, must bool) {
	if f.enc != nil {
		switch {
		case len(*p) > 0:
			f.enc.Key(name)
			f.enc.Raw(*p)
		case must:
			f.enc.Key(name)
			f.enc.Open('{')
			f.enc.Close('}')
		}
	} else if f.mine(name, must) {
		*p = json.RawMessage(f.dec.Raw())
		f.done()
	}
}

// value describes anything encoding/json can marshal, such as a JSON Schema. It
// decodes to a json.RawMessage.
func value(f *fields, name string, p *any, must bool) {
	if f.enc != nil {
		if must || *p != nil {
			f.enc.Key(name)
			encodeAny(f.enc, name, *p)
		}
	} else if f.mine(name, must) {
		*p = json.RawMessage(f.dec.Raw())
		f.done()
	}
}

// sub describes an optional object.
func sub[T any, P interface {
	*T
	object
}](f *fields, name string, p *P) {
	if f.enc != nil {
		if *p != nil {
			f.enc.Key(name)
			f.encode(*p)
		}
	} else if f.mine(name, optional) {
		*p = new(T)
		f.decode(*p)
		f.done()
	}
}

// subs describes an array of objects.
func subs[T any, P interface {
	*T
	object
}](f *fields, name string, p *[]T, must bool) {
	if f.enc != nil {
		if must || len(*p) > 0 {
			f.enc.Key(name)
			f.enc.Open('[')
			for i := range *p {
				f.encode(P(&(*p)[i]))
			}
			f.enc.Close(']')
		}
	} else if f.mine(name, must) {
		*p = nil
		f.array(func(int) {
			*p = append(*p, *new(T))
			f.decode(P(&(*p)[len(*p)-1]))
		})
		f.done()
	}
}

// rest takes the members nobody described. It comes last.
func (f *fields) rest(extra *Extra) {
	if f.enc != nil {
		if len(*extra) > 0 {
			f.encodeExtra(*extra)
		}
		return
	}
	if f.hit || f.key == "" || f.probe {
		return
	}
	f.hit = true
	if f.shape != nil {
		f.shape.unknown(f)
	}
	if *extra == nil {
		*extra = make(Extra)
	}
	(*extra)[f.key] = json.RawMessage(f.dec.Raw())
}

// encodeExtra writes the members nobody described. A clash with one that is
// described would send the member twice.
func (f *fields) encodeExtra(extra Extra) {
	for _, key := range slices.Sorted(maps.Keys(extra)) {
		if probe := (fields{dec: wire.NewDecoder("null"), key: key, probe: true}); f.object != nil {
			f.object.fields(&probe)
			if probe.hit {
				f.enc.Fail(&ConfigError{Field: "Extra", Problem: "member " + quoteName(key) + " has a field of its own: set that"})
				return
			}
		}
		f.enc.QuotedKey(key)
		encodeAny(f.enc, key, extra[key])
	}
}

// encode writes an object.
func (f *fields) encode(o object) {
	f.encodeObject(o, "")
}

// encodeObject writes an object, with a type if that is not one of its fields.
func (f *fields) encodeObject(o object, typ string) {
	if f.enc.Err() != nil {
		return // nesting without end stops here
	}
	outer := f.object
	f.object = o
	f.enc.Open('{')
	if typ != "" {
		f.enc.Key("type")
		f.enc.String(typ)
	}
	o.fields(f)
	f.enc.Close('}')
	f.object = outer
}

// decode reads an object.
func (f *fields) decode(o object) {
	key, hit := f.key, f.hit
	if f.shape != nil {
		f.shape.begin()
	}
	for ok := f.dec.BeginObject(); ok; {
		if f.key, ok = f.dec.NextMember(); !ok {
			break
		}
		f.hit = false
		if f.shape != nil {
			f.shape.see(f.key)
		}
		o.fields(f)
		if !f.hit {
			if f.shape != nil {
				f.shape.unknown(f)
			}
			f.dec.Skip()
		}
	}
	if f.shape != nil {
		f.key, f.hit = "", true // shows the required members once more, should the object be empty
		o.fields(f)
		f.shape.end(f)
	}
	f.key, f.hit = key, hit
}

// array reads an array, calling element for each of its values.
func (f *fields) array(element func(i int)) {
	key, hit := f.key, f.hit
	i := 0
	for ok := f.dec.BeginArray(); ok; i++ {
		if ok = f.dec.NextElement(); !ok {
			break
		}
		if f.shape == nil {
			element(i)
		} else {
			f.shape.element(f, i, element)
		}
	}
	f.key, f.hit = key, hit
}

// marshal encodes an object.
func marshal(o object) ([]byte, error) {
	return marshalWith(func(f *fields) { f.encode(o) })
}

// marshalBlock encodes a block with its type.
func marshalBlock(b Block) ([]byte, error) {
	return marshalWith(func(f *fields) { f.encodeBlock(b, 0) })
}

// marshalWith encodes what write writes.
func marshalWith(write func(*fields)) ([]byte, error) {
	f := fields{enc: wire.NewEncoder(512)}
	write(&f)
	if err := encodeError(f.enc); err != nil {
		return nil, err
	}
	return f.enc.Bytes(), nil
}

// encodeError returns what went wrong while encoding: always a [*ConfigError].
func encodeError(enc *wire.Encoder) error {
	err := enc.Err()
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*ConfigError](err); ok {
		return e
	}
	return &ConfigError{Field: quoteName(enc.At()), Problem: "cannot be encoded as JSON", Err: err}
}

// unmarshal decodes an object from data, which stays the caller's.
func unmarshal(data []byte, o object) error {
	return unmarshalWith(data, func(f *fields) { f.decode(o) })
}

// unmarshalWith decodes data, which stays the caller's, by read. As encoding/json
// wants it, null changes nothing.
func unmarshalWith(data []byte, read func(*fields)) error {
	if string(data) == "null" {
		return nil
	}
	return decodeText(string(data), read)
}

// decodeText decodes text. What it yields may point into it. Text that is not
// UTF-8 is mended: a broken character is no reason to lose a paid answer.
func decodeText(s string, read func(*fields)) error {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	var d struct { // one allocation
		wire.Decoder
		fields
	}
	d.Decoder = wire.MakeDecoder(s)
	d.dec = &d.Decoder
	read(&d.fields)
	d.End()
	return d.Err()
}

// Extra holds members of a JSON object that its Go type has no field for: beta
// members to send, or members of an answer that are newer than this package. A
// received value is a json.RawMessage; a value to send is anything encoding/json
// can marshal.
type Extra map[string]any

// encodeAny writes a value of the user's.
func encodeAny(enc *wire.Encoder, name string, v any) {
	switch v := v.(type) {
	case json.RawMessage:
		if len(v) == 0 {
			break
		}
		enc.Raw(v)
		return
	case string:
		enc.String(v)
		return
	}
	data, err := marshalAny(v)
	if err != nil {
		enc.Fail(&ConfigError{Field: name, Problem: "cannot be encoded as JSON", Err: err})
		data = []byte("null")
	}
	enc.Raw(data)
}

// marshalAny is json.Marshal without the escaping of HTML, which the API would
// count as tokens.
func marshalAny(v any) (data []byte, err error) {
	defer func() {
		// A Marshaler of the user's may panic; that must not cross our API.
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while encoding: %v", reflect.TypeOf(p))
		}
	}()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// isNil reports whether a block or tool is nil or holds a nil pointer.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// index renders "name[i]" for error texts.
func index(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }
