// Package redact takes secrets out of text that people will see: error
// messages, log lines, recorded bodies. It knows API keys and tokens by their
// prefix, bearer tokens by the word before them, and the user part of URLs; what
// it is told about in addition (the credential in use) it removes wherever it
// stands.
package redact

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mask stands where a secret was.
const Mask = "[redacted]"

// secretPrefixes are the beginnings of credentials that are told by their look.
var secretPrefixes = [...]string{"sk-ant-", "sk-"}

// minKey is how long a word behind a secret's prefix must be to count as one, so
// that ordinary words are left alone.
const minKey = 8

// Text returns s without secrets.
func Text(s string, known ...string) string {
	for _, k := range known {
		if len(k) >= minKey {
			s = strings.ReplaceAll(s, k, Mask)
		}
	}
	for _, prefix := range secretPrefixes {
		s = maskAfter(s, prefix, prefix == "sk-")
	}
	s = maskScheme(s, "bearer")
	s = maskScheme(s, "basic")
	s = maskUserinfo(s)
	return s
}

// Line is Text on a single line of at most limit bytes, cut between characters.
func Line(s string, limit int, known ...string) string {
	// Cutting first bounds the work on a large page; the slack keeps a secret that
	// straddles the limit recognisable.
	if slack := limit + 4096; len(s) > slack {
		s = s[:slack]
	}
	// Before the masking: what is dropped must not have hidden a secret from it.
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unicode.IsControl(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	s = Text(s, known...)
	return Cut(s, limit)
}

// Cut returns at most limit bytes of s, cut between characters, with an ellipsis
// where something is missing.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

// secretHeaders are shown by name only.
var secretHeaders = map[string]bool{
	"X-Api-Key": true, "Authorization": true, "Proxy-Authorization": true,
	"Cookie": true, "Set-Cookie": true, "X-Goog-Api-Key": true, "Api-Key": true,
}

// Header returns the value to show for a header.
func Header(name, value string, known ...string) string {
	if secretHeaders[http.CanonicalHeaderKey(name)] {
		return Mask
	}
	return Text(value, known...)
}

func isKeyByte(c byte) bool {
	return c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// maskAfter masks every word that starts with prefix and goes on for at least
// minKey more bytes. With wordStart the prefix must begin a word.
func maskAfter(s, prefix string, wordStart bool) string {
	for from := 0; ; {
		i := strings.Index(s[from:], prefix)
		if i < 0 {
			return s
		}
		i += from
		end := i + len(prefix)
		for end < len(s) && isKeyByte(s[end]) {
			end++
		}
		if end-i-len(prefix) < minKey || wordStart && i > 0 && isKeyByte(s[i-1]) {
			from = i + len(prefix)
			continue
		}
		s = s[:i] + Mask + s[end:]
		from = i + len(Mask)
	}
}

// maskScheme masks what follows the name of an authentication scheme.
func maskScheme(s, scheme string) string {
	for from := 0; ; {
		i := indexFold(s[from:], scheme)
		if i < 0 {
			return s
		}
		i += from + len(scheme)
		start := i
		for start < len(s) && (s[start] == ' ' || s[start] == '\t') {
			start++
		}
		end := start
		for end < len(s) && (isKeyByte(s[end]) || strings.IndexByte("._~+/=", s[end]) >= 0) {
			end++
		}
		if start == i || end-start < minKey {
			from = i
			continue
		}
		s = s[:start] + Mask + s[end:]
		from = start + len(Mask)
	}
}

// indexFold is strings.Index without regard to the case of ASCII letters; word
// is lower case.
func indexFold(s, word string) int {
	for i := 0; i+len(word) <= len(s); i++ {
		if s[i]|0x20 == word[0] && strings.EqualFold(s[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}

// maskUserinfo masks the user part of URLs.
func maskUserinfo(s string) string {
	for from := 0; ; {
		i := strings.Index(s[from:], "://")
		if i < 0 {
			return s
		}
		start := from + i + len("://")
		end := start
		for end < len(s) && strings.IndexByte("/?# \t\r\n\"'<>", s[end]) < 0 {
			end++
		}
		at := strings.LastIndexByte(s[start:end], '@')
		if at < 0 {
			from = end
			continue
		}
		s = s[:start] + Mask + s[start+at:]
		from = start + len(Mask)
	}
}
