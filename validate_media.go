package claude

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of images.
const (
	maxImageData = 10 << 20 // bytes of base64
	maxImageSide = 8000     // pixels
)

func (c *checker) checkImage(b *ImageBlock, path string) {
	c.images++
	s := b.Source
	if !c.checkSource(s, path) {
		return
	}
	switch s.Type {
	case SourceURL:
		c.checkSourceURL(s, path)
	case SourceBase64:
		known := true
		switch s.MediaType {
		case "image/jpeg", "image/png", "image/gif", "image/webp":
		default:
			known = false
			c.report("R082", path+".source.media_type", "is not the type of an image the API reads", "set image/jpeg, image/png, image/gif or image/webp, and convert other images")
		}
		if !c.checkBase64(s.Data, path, "image") {
			return
		}
		if n := len(s.Data); n > maxImageData {
			c.report("R086", path+".source.data", fmt.Sprintf("is an image of %d bytes in base64, the API takes %d", n, maxImageData), "scale the image down, or compress it more")
		}
		data := base64Text(s.Data)
		found := data.imageType()
		if known && found != s.MediaType {
			message, fix := "does not match the bytes, which are "+found, "set it to "+found
			if found == "" {
				message, fix = "does not match the bytes", "send the bytes of the image file itself, of the type it says"
			}
			c.report("R083", path+".source.media_type", message, fix)
		}
		if w, h := data.imageSize(found); w > maxImageSide || h > maxImageSide {
			c.report("R088", path+".source", fmt.Sprintf("is an image of %d by %d pixels, the API takes %d a side", w, h, maxImageSide), "scale it down")
		}
	}
}

func (c *checker) checkDocument(b *DocumentBlock, path string) {
	c.checkDocumentText(b.Title, path, ".title")
	c.checkDocumentText(b.Context, path, ".context")
	s := b.Source
	if !c.checkSource(s, path) {
		return
	}
	switch s.Type {
	case SourceURL:
		c.checkSourceURL(s, path)
	case SourceText:
		c.checkDocumentText(s.Data, path, ".source.data")
	case SourceBase64:
		pdf := s.MediaType == "application/pdf"
		if !pdf {
			c.report("R094", path+".source.media_type", "is not application/pdf", "send text through TextSource, images as an ImageBlock, and convert the rest")
		}
		if c.checkBase64(s.Data, path, "PDF") && pdf && !base64Text(s.Data).has(0, "%PDF-") {
			c.report("R095", path+".source.data", "does not start like a PDF", "send the bytes of the PDF file itself")
		}
	}
}

// checkDocumentText is checkText that spells out the path only if it must.
func (c *checker) checkDocumentText(s, path, member string) {
	if !utf8.ValidString(s) {
		c.checkText(s, path+member)
	}
}

// checkSource reports whether there is a source to look into.
func (c *checker) checkSource(s *Source, path string) bool {
	switch {
	case s == nil:
		c.report("R076", path+".source", "source is missing", "set it, for instance with Base64Source or URLSource")
	case s.Type == "":
		c.report("R076", path+".source.type", "is missing", "set it, for instance with Base64Source or URLSource")
	default:
		return true
	}
	return false
}

func (c *checker) checkSourceURL(s *Source, path string) {
	if !isHTTPS(s.URL) {
		c.report("R093", path+".source.url", "is not an absolute https URL", "send one that anybody can fetch, or the bytes themselves")
	}
}

// isHTTPS reports whether s looks like an absolute https URL.
func isHTTPS(s string) bool {
	const scheme = "https://"
	if len(s) < len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	rest := s[len(scheme):]
	return rest != "" && !strings.ContainsRune("/?#:", rune(rest[0]))
}

// checkBase64 reports whether the data of the block at path is what the API
// decodes.
func (c *checker) checkBase64(data, path, what string) bool {
	if data == "" {
		c.report("R085", path+".source.data", "is an empty "+what, "send its bytes")
		return false
	}
	problem := base64Problem(data)
	if problem != "" {
		c.report("R084", path+".source.data", problem, "encode the bytes with base64.StdEncoding, as Base64Source does")
	}
	return problem == ""
}

// notBase64 marks a byte outside of the alphabet in base64Values.
const notBase64 = 0x80

// base64Values are the values of the digits of standard base64.
var base64Values = func() (values [256]uint8) {
	for i := range values {
		values[i] = notBase64
	}
	for i, b := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		values[b] = uint8(i) //nolint:gosec // 0 to 63
	}
	return values
}()

// base64Problem says why s is not standard base64 with padding; "" if it is. It
// passes over s once and allocates nothing unless something is wrong.
func base64Problem(s string) string {
	digits := strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	var bad uint8
	rest := digits
	for len(rest) >= 8 {
		b := rest[:8]
		bad |= base64Values[b[0]] | base64Values[b[1]] | base64Values[b[2]] | base64Values[b[3]] |
			base64Values[b[4]] | base64Values[b[5]] | base64Values[b[6]] | base64Values[b[7]]
		rest = rest[8:]
	}
	for i := range len(rest) {
		bad |= base64Values[rest[i]]
	}
	if bad&notBase64 == 0 {
		if len(s)%4 == 0 {
			return ""
		}
		return "is base64 without its padding, or cut"
	}
	if strings.HasPrefix(s, "data:") {
		return "starts with data:, as a data URL does"
	}
	at := 0
	for base64Values[digits[at]] != notBase64 {
		at++
	}
	switch digits[at] {
	case '\n', '\r':
		return fmt.Sprintf("is base64 in lines: a line ends at byte %d", at)
	case '-', '_':
		return fmt.Sprintf("is base64 of the URL alphabet, at byte %d", at)
	case '=':
		return fmt.Sprintf("is not valid base64: padding at byte %d", at)
	}
	return fmt.Sprintf("is not valid base64 at byte %d", at)
}

// base64Text is valid base64, whose bytes are read in place.
type base64Text string

// at returns the byte at i; 0 behind the end.
func (t base64Text) at(i int) int {
	q := i / 3 * 4
	if q+4 > len(t) {
		return 0
	}
	value := func(k int) int { return int(base64Values[t[q+k]] &^ notBase64) } // padding counts as 0
	bits := value(0)<<18 | value(1)<<12 | value(2)<<6 | value(3)
	return bits >> (16 - 8*(i%3)) & 0xff
}

func (t base64Text) has(i int, want string) bool {
	for k := range len(want) {
		if t.at(i+k) != int(want[k]) {
			return false
		}
	}
	return true
}

// big and little return the number in the n bytes from i on.
func (t base64Text) big(i, n int) (v int) {
	for k := range n {
		v = v<<8 | t.at(i+k)
	}
	return v
}

func (t base64Text) little(i, n int) (v int) {
	for k := range n {
		v |= t.at(i+k) << (8 * k)
	}
	return v
}

// imageType returns the media type of an image by its first bytes; "" if it is
// none that the API reads.
func (t base64Text) imageType() string {
	switch {
	case t.has(0, "\xff\xd8\xff"):
		return "image/jpeg"
	case t.has(0, "\x89PNG\r\n\x1a\n"):
		return "image/png"
	case t.has(0, "GIF87a"), t.has(0, "GIF89a"):
		return "image/gif"
	case t.has(0, "RIFF") && t.has(8, "WEBP"):
		return "image/webp"
	}
	return ""
}

// imageSize returns width and height as the image's header gives them; 0 if it
// does not.
func (t base64Text) imageSize(mediaType string) (w, h int) {
	switch mediaType {
	case "image/png":
		if t.has(12, "IHDR") {
			return t.big(16, 4), t.big(20, 4)
		}
	case "image/gif":
		return t.little(6, 2), t.little(8, 2)
	case "image/webp":
		switch {
		case t.has(12, "VP8X"):
			return t.little(24, 3) + 1, t.little(27, 3) + 1
		case t.has(12, "VP8L") && t.at(20) == 0x2f:
			bits := t.little(21, 4)
			return bits&0x3fff + 1, bits>>14&0x3fff + 1
		case t.has(12, "VP8 ") && t.has(23, "\x9d\x01\x2a"):
			return t.little(26, 2) & 0x3fff, t.little(28, 2) & 0x3fff
		}
	case "image/jpeg":
		return t.jpegSize()
	}
	return 0, 0
}

// jpegSize goes from segment to segment up to the one that has the size.
func (t base64Text) jpegSize() (w, h int) {
	const most = 1000 // segments, and bytes between them
	i := 2
	for range most {
		if t.at(i) != 0xff {
			break
		}
		switch marker := t.at(i + 1); {
		case marker == 0xff: // filling
			i++
		case marker == 0x01, 0xd0 <= marker && marker <= 0xd8: // without a length
			i += 2
		case marker == 0xd9, marker == 0xda: // the end, or pixels
			return 0, 0
		case 0xc0 <= marker && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc:
			return t.big(i+7, 2), t.big(i+5, 2)
		default:
			i += 2 + t.big(i+2, 2)
		}
	}
	return 0, 0
}
