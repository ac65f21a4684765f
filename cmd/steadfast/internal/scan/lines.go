package scan

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// pieceSize is how much of a line is looked at together. Longer lines, as minified
// scripts have, are looked at in pieces that overlap by more than a key is long.
const (
	pieceSize = 256 << 10
	overlap   = 1 << 10
)

// eachLine calls f for every line of r, or several times for a long one, where more
// says that f has seen the beginning. number is from 1. What f gets is only valid
// until it returns.
func eachLine(r io.Reader, f func(number int, line []byte, more bool)) error {
	buffered := bufio.NewReaderSize(r, pieceSize)
	var joined []byte // the end of the piece before, and this one
	more := false
	for number := 1; ; {
		piece, err := buffered.ReadSlice('\n')
		full := errors.Is(err, bufio.ErrBufferFull)
		line := piece
		if more {
			joined = append(joined[max(0, len(joined)-overlap):], piece...)
			line = joined
		} else if full {
			joined = append(joined[:0], piece...)
		}
		if full {
			line = wholeWords(line)
		} else {
			line = bytes.TrimRight(line, "\r\n")
		}
		if len(piece) > 0 {
			f(number, line, more)
		}
		switch {
		case full:
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		default:
			number++
		}
		more = full
	}
}

// wholeWords cuts the word off that a piece ends within: the next piece has it whole.
func wholeWords(piece []byte) []byte {
	for i := len(piece) - 1; i > len(piece)-overlap/2 && i >= 0; i-- {
		if !isWord(piece[i]) {
			return piece[:i+1]
		}
	}
	return piece
}

func isWord(c byte) bool {
	return c == '-' || c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// text returns r as UTF-8, if it is text: not if there is a zero in its beginning.
// Files in UTF-16, as Xcode and Windows have them, are turned.
func text(r io.Reader) (io.Reader, bool) {
	buffered := bufio.NewReaderSize(r, 8<<10)
	head, err := buffered.Peek(8 << 10)
	if err != nil && len(head) == 0 {
		return buffered, true // empty
	}
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return dropZeros{buffered}, true
	case bytes.IndexByte(head, 0) >= 0:
		return nil, false
	}
	return buffered, true
}

// dropZeros makes of UTF-16 what is ASCII in it, which keys are.
type dropZeros struct{ r io.Reader }

// Read reads without the zeros.
func (d dropZeros) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	kept := 0
	for _, c := range p[:n] {
		if c != 0 {
			p[kept] = c
			kept++
		}
	}
	return kept, err
}
