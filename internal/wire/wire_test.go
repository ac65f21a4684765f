package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// encoded returns what write writes, and checks that it is JSON.
func encoded(t *testing.T, write func(e *Encoder)) string {
	t.Helper()
	var e Encoder
	write(&e)
	require.NoError(t, e.Err())
	out := e.Bytes()
	require.True(t, json.Valid(out), "%.200s", out)
	require.Equal(t, len(out), e.Len())
	return string(out)
}

func TestStringsAreEscapedAsRFC8259Wants(t *testing.T) {
	for in, want := range map[string]string{
		"":                     `""`,
		"plain":                `"plain"`,
		"a\"b\\c":              `"a\"b\\c"`,
		"line\nfeed\r\ttab":    `"line\nfeed\r\ttab"`,
		"\x00\x01\x1f":         `"\u0000\u0001\u001f"`,
		"\x7f":                 "\"\x7f\"",
		"<b>&amp;</b>":         `"<b>&amp;</b>"`, // HTML stays: \u003c would cost tokens
		"é 漢 🎈 \u2028":         "\"é 漢 🎈 \u2028\"",
		"seven77\n":            `"seven77\n"`,
		"eight888\"":           `"eight888\""`,
		"😀\\":                  `"😀\\"`,
		"long enough\x1f":      `"long enough\u001f"`,
		strings.Repeat("x", 9): `"xxxxxxxxx"`,
	} {
		assert.Equal(t, want, encoded(t, func(e *Encoder) { e.String(in) }), "%q", in)
	}
}

func TestEveryByteIsFoundAtEveryPositionOfAWord(t *testing.T) {
	for c := range 0x80 {
		special := c < 0x20 || c == '"' || c == '\\'
		for at := range 24 {
			s := strings.Repeat("\x7f", at) + string(rune(c)) + strings.Repeat("~", 24-at)
			want := len(s)
			if special {
				want = at
			}
			assert.Equal(t, want, skipPlain(s, 0), "byte %#x at %d", c, at)
			clean, ascii := scanString(s)
			assert.Equal(t, want, clean, "byte %#x at %d", c, at)
			assert.True(t, ascii)
			clean, ascii = scanString(s + "é")
			assert.Equal(t, special, clean < len(s))
			assert.False(t, ascii)
		}
	}
}

func TestInvalidUTF8IsAnErrorThatNamesTheOffsetAndTheMember(t *testing.T) {
	for in, offset := range map[string]int{
		"\xff":                                 0,
		"ab\xc3":                               2,
		"é\xed\xa0\x80":                        2, // a surrogate in UTF-8
		strings.Repeat("x", 9000) + "\xc0\xaf": 9000,
	} {
		var e Encoder
		e.Open('{')
		e.Key("text")
		e.String(in)
		e.Key("behind")
		e.Int(1)
		e.Close('}')
		bad, ok := errors.AsType[*UTF8Error](e.Err())
		require.True(t, ok)
		assert.Equal(t, offset, bad.Offset)
		assert.Equal(t, "text", e.At())
		assert.NotContains(t, e.Err().Error(), "xxx", "an error does not quote the text")
	}
}

func TestNumbersAreWrittenAsJSON(t *testing.T) {
	got := encoded(t, func(e *Encoder) {
		e.Open('[')
		e.Int(math.MinInt64)
		e.Int(0)
		e.Float(0.7)
		e.Float(0)
		e.Float(1e300)
		e.Float(1e-9)
		e.Float(3)
		e.Bool(true)
		e.Null()
		e.Close(']')
	})
	assert.Equal(t, `[-9223372036854775808,0,0.7,0,1e+300,1e-09,3,true,null]`, got)
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		var e Encoder
		e.Float(x)
		assert.ErrorContains(t, e.Err(), "not a JSON number")
	}
}

func TestCommasStandBetweenValuesAndNowhereElse(t *testing.T) {
	long := strings.Repeat("b", borrowMin)
	escaped := strings.Repeat("\n", borrowMin)
	raw := []byte(`{"k":[` + strings.Repeat("1,", borrowMin) + `1]}`)
	got := encoded(t, func(e *Encoder) {
		e.Open('{')
		e.Key("a")
		e.String(long)
		e.Key("b")
		e.Open('[')
		e.String(long)
		e.String("[")
		e.String("{")
		e.String(":")
		e.String(escaped)
		e.Raw(raw)
		e.Raw([]byte(" {} "))
		e.Open('{')
		e.Close('}')
		e.Close(']')
		e.QuotedKey("\"\n")
		e.Raw(raw)
		e.Key("c")
		e.Int(1)
		e.Close('}')
	})
	var back struct {
		A string
		B []any
		C int
	}
	require.NoError(t, json.Unmarshal([]byte(got), &back))
	assert.Equal(t, long, back.A)
	assert.Len(t, back.B, 8)
	assert.Equal(t, escaped, back.B[4])
	assert.Equal(t, 1, back.C)
}

func TestRawChecksWhatItWrites(t *testing.T) {
	for _, bad := range []string{"", " ", "{", `{"a":}`, "nul", "1 2", `"a`, "\"\xff\"", "[1,]"} {
		var e Encoder
		e.Raw([]byte(bad))
		assert.Error(t, e.Err(), "%q", bad)
	}
	var e Encoder
	e.Open('[')
	e.Raw([]byte(strings.Repeat("[", MaxDepth-1) + strings.Repeat("]", MaxDepth-1)))
	require.NoError(t, e.Err())
	e.Raw([]byte(strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)))
	assert.ErrorIs(t, e.Err(), ErrDepth, "the depth around it counts")
}

func TestTheEncodersFirstErrorSticks(t *testing.T) {
	var e Encoder
	first := errors.New("first")
	e.Fail(first)
	e.Float(math.NaN())
	assert.Equal(t, first, e.Err())

	var deep Encoder
	for range MaxDepth {
		deep.Open('[')
	}
	require.NoError(t, deep.Err())
	deep.Open('[')
	assert.ErrorIs(t, deep.Err(), ErrDepth)
}

func TestLargeStringsAreBorrowedNotCopied(t *testing.T) {
	long := strings.Repeat("A", 1<<20)
	e := NewEncoder(64)
	e.Open('{')
	e.Key("data")
	e.String(long)
	e.Close('}')
	require.NoError(t, e.Err())
	body := e.Body()
	require.Len(t, body.borrowed, 1)
	assert.Same(t, unsafe.StringData(long), unsafe.StringData(body.borrowed[0].s))
	assert.Equal(t, len(long)+len(`{"data":""}`), body.Len())
	assert.Less(t, cap(body.buf), 1<<10)
}

func TestRawBytesAreNotBorrowed(t *testing.T) {
	raw := []byte(`"` + strings.Repeat("a", 2*borrowMin) + `"`)
	var e Encoder
	e.Raw(raw)
	body := e.Body()
	clear(raw)
	got, err := io.ReadAll(body.Reader())
	require.NoError(t, err)
	assert.True(t, json.Valid(got))
}

// sampleBody is a body with borrowed pieces at both ends, and its bytes.
func sampleBody() (Body, []byte) {
	var e Encoder
	e.Open('[')
	for i := range 3 {
		e.String(strings.Repeat(string(rune('a'+i)), borrowMin+i))
		e.Int(int64(i))
	}
	e.String(strings.Repeat("z\n", borrowMin))
	e.Close(']')
	return e.Body(), e.Bytes()
}

func TestABodyReadsTheSameInAnyChunksAnyNumberOfTimes(t *testing.T) {
	body, want := sampleBody()
	require.NoError(t, iotest.TestReader(body.Reader(), want))
	for chunk := 1; chunk < 3*borrowMin; chunk = chunk*3/2 + 1 {
		r := body.Reader()
		var got []byte
		p := make([]byte, chunk)
		for {
			n, err := r.Read(p)
			got = append(got, p[:n]...)
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			require.Positive(t, n)
		}
		assert.Equal(t, want, got, "chunks of %d", chunk)
	}
}

func TestTwoReadersOfABodyDoNotDisturbEachOther(t *testing.T) {
	body, want := sampleBody()
	a, b := body.Reader(), body.Reader()
	half := make([]byte, len(want)/2)
	_, err := io.ReadFull(a, half)
	require.NoError(t, err)
	all, err := io.ReadAll(b)
	require.NoError(t, err)
	assert.Equal(t, want, all)
	rest, err := io.ReadAll(a)
	require.NoError(t, err)
	assert.Equal(t, want, append(half, rest...))
}

func TestHeadIsTheBeginningOfABody(t *testing.T) {
	body, want := sampleBody()
	for _, n := range []int{0, 1, 2, 100, borrowMin + 10, len(want), len(want) + 5} {
		assert.Equal(t, want[:min(n, len(want))], body.Head(n))
	}
	assert.Empty(t, Body{}.Head(10))
	assert.Equal(t, []byte("{}"), BodyOf([]byte("{}")).Head(9))
}

// texts are JSON texts and near misses.
var texts = []string{
	``, ` `, `null`, `true`, `false`, `nul`, `nullx`, `True`, `truefalse`,
	`0`, `-0`, `00`, `01`, `-`, `+1`, `1.`, `.5`, `1.5`, `1e5`, `1E+5`, `1e-5`, `1e`, `1e+`, `-1.5e10`, `0x1`, `1_0`, `NaN`, `Infinity`, `1 2`, `-a`, `1e400`,
	`""`, `"a"`, `"`, `"a`, `"\"`, `"\\"`, `"\x"`, `"\/"`, `"\b\f\n\r\t"`, `"\u00e9"`, `"\u00E9"`, `"\u12"`, `"\u12g4"`, `"\U0041"`, "\"\n\"", "\"\x00\"", "\"\x7f\"", `'a'`, `"a" "b"`, `"\`, `"\u`,
	`"\ud83c\udf88"`, `"\ud83c"`, `"\ud83cx"`, `"\udf88"`, `"\ud83c\ud83c\udf88"`, `"\ud83c\n"`, `"\ud83c\u"`, `"\udf88\ud83c"`, `"\ud83c\u0041"`,
	`[]`, `[ ]`, `[1]`, `[1,2]`, `[1,]`, `[,1]`, `[,]`, `[1 2]`, `[1,,2]`, `[`, `]`, `[1`, `[[]]`, `[[],[[]]]`, `[}`, `[1}`, `[]]`,
	`{}`, `{ }`, `{"a":1}`, `{"a":1,"b":2}`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a" 1}`, `{a:1}`, `{1:1}`, `{"a":1 "b":2}`, `{"a":1,,"b":2}`, `{`, `}`, `{]`, `{"a":1]`, `{"a":{"b":[{"c":null}]}}`, `{"\u0061":1}`, `{"a":1}}`, `{"a\":1}`, `{null:1}`,
	" \t\r\n[ \t\r\n1 \t\r\n, \t\r\n{ \t\r\n\"a\" \t\r\n: \t\r\n2 \t\r\n} \t\r\n] \t\r\n", "\v1", "\f1", "\u00a01", "\ufeff1", "[1]\x00", "1\x00", "/**/1", "[1]//",
}

func TestTheGrammarIsThatOfEncodingJSON(t *testing.T) {
	for _, text := range texts {
		checkAgainstStd(t, text)
	}
}

// checkAgainstStd checks that the Decoder and encoding/json agree on a text.
func checkAgainstStd(t *testing.T, text string) {
	t.Helper()
	valid := json.Valid([]byte(text))
	d := NewDecoder(text)
	d.Skip()
	d.End()
	if errors.Is(d.Err(), ErrDepth) {
		return
	}
	require.Equal(t, valid, d.Err() == nil, "%q: %v", text, d.Err())
	assert.Equal(t, valid, Valid([]byte(text), MaxDepth) == nil, "%q", text)

	d = NewDecoder(text)
	got := generic(d)
	d.End()
	if errors.Is(d.Err(), ErrRange) {
		return // grammar has no largest number, float64 does
	}
	require.Equal(t, valid, d.Err() == nil, "%q: %v", text, d.Err())
	if valid {
		var want any
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		require.Equal(t, want, got, "%q", text)
	}
}

// generic reads any value into what encoding/json makes of it.
func generic(d *Decoder) any {
	switch d.Kind() {
	case '{':
		m := map[string]any{}
		for ok := d.BeginObject(); ok; {
			var name string
			if name, ok = d.NextMember(); ok {
				m[name] = generic(d)
			}
		}
		return m
	case '[':
		a := []any{}
		for ok := d.BeginArray(); ok; {
			if ok = d.NextElement(); ok {
				a = append(a, generic(d))
			}
		}
		return a
	case '"':
		return d.String()
	case '0':
		return d.Float()
	case 't', 'f':
		return d.Bool()
	case 'n':
		d.Null()
	default:
		d.Skip() // fails
	}
	return nil
}

func TestWhatIsNotUTF8IsNotValid(t *testing.T) {
	err := Valid([]byte("[\"a\xff\"]"), MaxDepth)
	bad, ok := errors.AsType[*UTF8Error](err)
	require.True(t, ok)
	assert.Equal(t, 3, bad.Offset)
}

func TestHalfASurrogatePairReadsAsU_FFFDAndIsReported(t *testing.T) {
	for text, want := range map[string]struct {
		s    string
		lone bool
	}{
		`"\ud83c\udf88"`:        {"🎈", false},
		`"\ud83cx"`:             {"\uFFFDx", true},
		`"\udf88"`:              {"\uFFFD", true},
		`"\ud83c\ud83c\udf88"`:  {"\uFFFD🎈", true},
		`"\ufffd"`:              {"\uFFFD", false},
		`"\ud83c\u0041"`:        {"\uFFFDA", true},
		`"plain \ud83c\udf88 "`: {"plain 🎈 ", false},
	} {
		d := NewDecoder(text)
		assert.Equal(t, want.s, d.String(), text)
		require.NoError(t, d.Err())
		assert.Equal(t, want.lone, d.LoneSurrogate > 0, text)

		d = NewDecoder(text)
		d.Skip()
		require.NoError(t, d.Err())
		assert.Equal(t, want.lone, d.LoneSurrogate > 0, "%s, skipped", text)
	}
}

func TestAnIntegerMayBeWrittenAsAFloat(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "-0": 0, "7": 7, "1.0": 1, "1e3": 1000, "-2.5e1": -25, "12.50e1": 125,
		"9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64,
	} {
		d := NewDecoder(text)
		assert.Equal(t, want, d.Int(), text)
		assert.NoError(t, d.Err(), text)
	}
	for _, text := range []string{"1.5", "1e-1", "9223372036854775808", "1e19", "-1e19", "1e400"} {
		d := NewDecoder(text)
		assert.Zero(t, d.Int(), text)
		assert.ErrorIs(t, d.Err(), ErrInteger, text)
	}
}

func TestAWrongTypeIsNamedTogetherWithTheRightOne(t *testing.T) {
	for _, c := range []struct {
		text string
		read func(d *Decoder)
		want string
	}{
		{`7`, func(d *Decoder) { _ = d.String() }, "expected a string, found a number at byte 0"},
		{` "7"`, func(d *Decoder) { d.Int() }, "expected a number, found a string at byte 1"},
		{`null`, func(d *Decoder) { d.Bool() }, "expected a boolean, found null at byte 0"},
		{`[]`, func(d *Decoder) { d.BeginObject() }, "expected an object, found an array at byte 0"},
		{`{}`, func(d *Decoder) { d.BeginArray() }, "expected an array, found an object at byte 0"},
		{`x`, func(d *Decoder) { d.Float() }, "invalid JSON at byte 0: expected a number"},
		{``, func(d *Decoder) { d.Raw() }, "invalid JSON at byte 0: expected a value"},
		{`{"a":1 x`, func(d *Decoder) { d.Skip() }, "invalid JSON at byte 7: expected a comma or the end of the object"},
		{`[1 x`, func(d *Decoder) { d.Skip() }, "invalid JSON at byte 3: expected a comma or the end of the array"},
	} {
		d := NewDecoder(c.text)
		c.read(d)
		assert.EqualError(t, d.Err(), c.want)
	}
}

func TestNestingEndsAtMaxDepth(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	assert.NoError(t, Valid([]byte(nested(MaxDepth)), MaxDepth))
	assert.ErrorIs(t, Valid([]byte(nested(MaxDepth+1)), MaxDepth), ErrDepth)
	assert.ErrorIs(t, Valid([]byte(nested(3)), 2), ErrDepth)
	assert.NoError(t, Valid([]byte(nested(10)+" "), 10), "closing gives the level back")
	assert.NoError(t, Valid([]byte("["+strings.Repeat("[],", 5000)+"[]]"), 2))
	assert.ErrorIs(t, Valid([]byte(strings.Repeat(`{"a":`, 100_000)), MaxDepth), ErrDepth)
}

func TestStringsWithoutEscapesPointIntoTheData(t *testing.T) {
	data := `{"text":"no escapes here","raw":{"a":1}}`
	d := NewDecoder(data)
	require.True(t, d.BeginObject())
	name, ok := d.NextMember()
	require.True(t, ok)
	assert.True(t, within(name, data))
	assert.True(t, within(d.String(), data))
	_, ok = d.NextMember()
	require.True(t, ok)
	raw := d.Raw()
	assert.Equal(t, `{"a":1}`, raw)
	assert.True(t, within(raw, data))
}

// within reports whether s is a part of whole, not a copy.
func within(s, whole string) bool {
	from, at := uintptr(unsafe.Pointer(unsafe.StringData(whole))), uintptr(unsafe.Pointer(unsafe.StringData(s)))
	return at >= from && at+uintptr(len(s)) <= from+uintptr(len(whole))
}

func TestAStringWithEscapesIsCopiedOnce(t *testing.T) {
	text := `"` + strings.Repeat(`a line of prose\n`, 1000) + `"`
	assert.Equal(t, 1.0, testing.AllocsPerRun(20, func() {
		d := MakeDecoder(text)
		_ = d.String()
	}))
}

func TestTheDecodersFirstErrorSticks(t *testing.T) {
	d := NewDecoder(`{"a":[1,x],"b":"c"}`)
	d.Skip()
	first := d.Err()
	require.Error(t, first)
	assert.Equal(t, "invalid JSON at byte 8: expected a value", first.Error())
	assert.Zero(t, d.Kind())
	assert.Zero(t, d.String())
	assert.Zero(t, d.Int())
	assert.Zero(t, d.Float())
	assert.False(t, d.Bool())
	assert.False(t, d.Null())
	assert.Zero(t, d.Raw())
	assert.False(t, d.BeginObject())
	assert.False(t, d.BeginArray())
	assert.False(t, d.NextElement())
	_, ok := d.NextMember()
	assert.False(t, ok)
	assert.Zero(t, d.PeekString("a"))
	d.End()
	d.Fail(errors.New("later"))
	assert.Equal(t, first, d.Err())
}

func TestPeekStringLooksAheadAndConsumesNothing(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"text"}`:                      "text",
		`{"x":{"type":"no"},"type":"a\u0062"}`: "ab",
		`{"type":7}`:                           "",
		`{"type":null,"type":"second"}`:        "",
		`{}`:                                   "",
		`[]`:                                   "",
		`"type"`:                               "",
		`{"x":`:                                "",
	} {
		d := NewDecoder(text)
		assert.Equal(t, want, d.PeekString("type"), text)
		assert.NoError(t, d.Err())
		assert.Zero(t, d.Pos())
	}
	d := NewDecoder(`{"x":{"y":1},"type":"text"}`)
	assert.Zero(t, testing.AllocsPerRun(20, func() { d.PeekString("type") }))
}

func TestStringIsComparesWithoutConsuming(t *testing.T) {
	d := NewDecoder(` "text"`)
	assert.True(t, d.StringIs("text"))
	assert.False(t, d.StringIs("tex"))
	assert.False(t, d.StringIs("texts"))
	assert.Equal(t, "text", d.String())
	assert.False(t, NewDecoder(`"te`).StringIs("te"))
	assert.False(t, NewDecoder(`7`).StringIs("7"))
}

func TestReadingDoesNotAllocate(t *testing.T) {
	text := `{"a":[1,2.5,true,false,null,"plain","\u00e9\n"],"b":{"c":{}}}`
	assert.Zero(t, testing.AllocsPerRun(20, func() {
		d := MakeDecoder(text)
		d.Skip()
		d.End()
	}))
	raw := []byte(text)
	assert.Zero(t, testing.AllocsPerRun(20, func() { _ = Valid(raw, MaxDepth) }))
}

func FuzzDecoder(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			assert.Error(t, Valid([]byte(text), MaxDepth))
			_ = generic(NewDecoder(text)) // does not panic
			return
		}
		checkAgainstStd(t, text)
	})
}

func FuzzString(f *testing.F) {
	for _, s := range []string{"", "a\"b\\c\n\x00", "é漢🎈", strings.Repeat("long ", 2000), strings.Repeat("x\n", 4000), "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var e Encoder
		e.String(s)
		if !utf8.ValidString(s) {
			require.Error(t, e.Err())
			return
		}
		require.NoError(t, e.Err())
		text := e.Bytes()

		d := NewDecoder(string(text))
		assert.Equal(t, s, d.String())
		d.End()
		assert.NoError(t, d.Err())

		var std string
		require.NoError(t, json.Unmarshal(text, &std))
		assert.Equal(t, s, std)

		theirs, err := json.Marshal(s)
		require.NoError(t, err)
		assert.Equal(t, s, NewDecoder(string(theirs)).String(), "we read what encoding/json writes")
	})
}

func FuzzBody(f *testing.F) {
	f.Add("short", uint16(3), uint8(2))
	f.Add(strings.Repeat("long ", 1000), uint16(4096), uint8(5))
	f.Add(strings.Repeat("esc\n", 2000), uint16(1), uint8(3))
	f.Fuzz(func(t *testing.T, s string, chunk uint16, n uint8) {
		s = strings.ToValidUTF8(s, "")
		var e Encoder
		e.Open('[')
		for i := range int(n % 8) {
			e.String(s)
			e.Int(int64(i))
			e.String(strings.Repeat("y", i*1500))
		}
		e.Close(']')
		require.NoError(t, e.Err())
		body, want := e.Body(), e.Bytes()
		require.True(t, json.Valid(want))
		require.Equal(t, len(want), body.Len())
		var got bytes.Buffer
		_, err := io.CopyBuffer(struct{ io.Writer }{&got}, body.Reader(), make([]byte, int(chunk)+1))
		require.NoError(t, err)
		require.Equal(t, want, got.Bytes())
	})
}

func TestPlainEndStopsAtTheFirstByteThatIsNotPlainAndKnowsASCII(t *testing.T) {
	for _, special := range []string{"", `"`, `\`, "\n", "\x00", "\x1f"} {
		for _, behind := range []string{"", "x", `"`, "é and more than eight bytes"} {
			for length := range 25 {
				for accent := -1; accent < length; accent++ {
					plain := []byte(strings.Repeat("a", length))
					if accent >= 0 {
						plain[accent] = 0xe9
					}
					s := string(plain) + special
					if special != "" {
						s += behind
					}
					end, ascii := PlainEnd(s)
					require.Equal(t, length, end, "%q", s)
					require.Equal(t, accent < 0, ascii, "%q", s)
				}
			}
		}
	}
}
