package scan

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

// added is called for every line that a patch adds. file is "" for a line of a
// commit's message.
type added func(commit, date, file string, number int, line []byte)

// commitMark begins the line that our format of git log puts before a commit. Lines
// of a patch begin with other characters, and those of messages with a space.
const commitMark = "\x01commit "

// readPatch reads what git log -p and git diff write: also the combined patches of
// merges, which have a column for each parent.
func readPatch(r io.Reader, f added) (commits int, err error) {
	p := patch{f: f, parents: 1}
	err = eachLine(r, p.line)
	return p.commits, err
}

// patch is where in a patch the reader is.
type patch struct {
	f                  added
	commits            int
	commit, date, file string
	parents            int  // columns before the text of a line
	number             int  // of the next line in the new file
	left, right        int  // lines of the hunk that are still to come, of each side
	adding             bool // the line before was added, which a long line's further pieces are too
	addedAs            int  // its number
}

func (p *patch) line(_ int, line []byte, more bool) {
	if more {
		if p.adding {
			p.f(p.commit, p.date, p.file, p.addedAs, line)
		}
		return
	}
	p.adding = false
	if (p.left > 0 || p.right > 0) && p.inHunk(line) {
		return
	}
	p.left, p.right = 0, 0
	switch {
	case bytes.HasPrefix(line, []byte(commitMark)):
		p.commits++
		p.file = ""
		p.commit, p.date, _ = strings.Cut(string(line[len(commitMark):]), " ")
	case bytes.HasPrefix(line, []byte("@@")):
		p.parents, p.number, p.left, p.right = hunk(line)
	case bytes.HasPrefix(line, []byte("diff ")):
		p.file = ""
	case bytes.HasPrefix(line, []byte("+++ ")):
		p.file = fileName(string(line[4:]))
	case p.commit != "" && p.file == "" && len(line) > 0 && line[0] == ' ':
		p.add(0, line)
	}
}

// inHunk reads a line of a hunk. It returns false for a line that is none: the lines
// of a combined hunk cannot be counted by its header.
func (p *patch) inHunk(line []byte) bool {
	if len(line) < p.parents {
		return false
	}
	columns := line[:p.parents]
	if columns[0] == '\\' { // no newline at the end of the file
		return true
	}
	if len(bytes.Trim(columns, " +-")) > 0 {
		return false
	}
	switch {
	case bytes.IndexByte(columns, '-') >= 0:
		p.left--
	case bytes.IndexByte(columns, '+') >= 0:
		p.add(p.number, line[p.parents:])
		p.number++
		p.right--
	default:
		p.number++
		p.left, p.right = p.left-1, p.right-1
	}
	return true
}

func (p *patch) add(number int, line []byte) {
	p.adding, p.addedAs = true, number
	p.f(p.commit, p.date, p.file, number, line)
}

// hunk reads "@@ -1,2 +3,4 @@", or "@@@ -1,2 -1,2 +3,4 @@@" of a merge. Without a
// number of lines there is one. For a merge, what the parents have is added up,
// which is an upper bound that the next header ends.
func hunk(line []byte) (parents, number, left, right int) {
	fields := bytes.Fields(line)
	parents = max(1, len(fields[0])-1)
	for _, field := range fields[1:] {
		if len(field) < 2 || field[0] != '-' && field[0] != '+' {
			break
		}
		start, length, counted := bytes.Cut(field[1:], []byte(","))
		n := 1
		if counted {
			n, _ = strconv.Atoi(string(length))
		}
		if field[0] == '-' {
			left += n
			continue
		}
		number, _ = strconv.Atoi(string(start))
		right = n
	}
	return parents, number, left, right
}

// fileName is the name in a "+++" line: "b/" and perhaps a tab behind it, in quotes
// where it has special characters.
func fileName(s string) string {
	s = strings.TrimRight(s, "\t")
	if strings.HasPrefix(s, `"`) {
		if plain, err := strconv.Unquote(s); err == nil {
			s = plain
		}
	}
	return strings.TrimPrefix(s, "b/")
}
