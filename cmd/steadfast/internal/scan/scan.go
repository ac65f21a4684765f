package scan

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// AllowFile is the file with the fingerprints of keys that are known to be dead, one
// a line, with a comment behind "#". It is looked for in the folder that is scanned
// and at the top of its repository.
const AllowFile = ".steadfastallow"

// Config says what is scanned.
type Config struct {
	Path      string // a folder or a file
	Staged    bool   // only what the next commit adds
	NoHistory bool   // only the files as they are
	NoIgnored bool   // leave out files that git ignores
}

// State is where a key is.
type State string

// The states.
const (
	Committed   State = "committed"   // in a file as it is now, and in the history
	Uncommitted State = "uncommitted" // in a file as it is now, and not in the history
	Ignored     State = "ignored"     // in a file that git ignores
	Removed     State = "removed"     // in the history only
	Message     State = "message"     // in the message of a commit
	Staged      State = "staged"      // in what the next commit adds
	NoRepo      State = "file"        // in a file; there is no git, or it was not asked
)

// A Finding is a key at a place.
type Finding struct {
	Kind        string `json:"kind"`
	Key         string `json:"key"`         // its first characters
	Fingerprint string `json:"fingerprint"` // for [AllowFile]
	State       State  `json:"state"`
	File        string `json:"file,omitempty"`
	Line        int    `json:"line,omitempty"`
	Commit      string `json:"commit,omitempty"` // that brought it
	Date        string `json:"date,omitempty"`   // of that commit
}

// A Report is what was found.
type Report struct {
	Findings []Finding `json:"findings"`
	Files    int       `json:"files"`             // that were read
	Commits  int       `json:"commits"`           // that were read
	Shallow  bool      `json:"shallow,omitempty"` // the clone lacks older commits
	Allowed  int       `json:"allowed,omitempty"` // keys that the allow file names
	Unread   []string  `json:"unread,omitempty"`  // files that could not be read
}

// Keys is how many different keys were found.
func (r *Report) Keys() int {
	seen := map[string]bool{}
	for _, f := range r.Findings {
		seen[f.Fingerprint] = true
	}
	return len(seen)
}

// Run scans.
func Run(ctx context.Context, c Config) (*Report, error) {
	path, err := filepath.EvalSymlinks(cmp.Or(c.Path, "."))
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	s := &scanner{dir: path, pathspec: ".", allow: map[string]bool{}, allowed: map[string]bool{}, history: map[place]Finding{}}
	if !info.IsDir() {
		s.dir, s.pathspec = filepath.Dir(path), ":(literal)"+filepath.Base(path)
	}
	if err := s.readAllowed(s.dir); err != nil {
		return nil, err
	}
	repo, err := openRepository(ctx, s.dir, c.Staged)
	if err != nil && !c.NoHistory {
		return nil, err
	}
	if repo != nil {
		if err := s.readAllowed(repo.top(ctx)); err != nil {
			return nil, err
		}
	}
	switch {
	case c.Staged && repo == nil:
		return nil, errors.New("--staged needs a git repository")
	case c.Staged:
		err = repo.staged(ctx, s.pathspec, s.stagedLine)
		return s.end(), err
	}
	if repo != nil && !c.NoHistory {
		s.report.Shallow = repo.shallow(ctx)
		if s.report.Commits, err = repo.history(ctx, s.pathspec, s.historyLine); err != nil {
			return nil, err
		}
	}
	if err := s.walk(ctx, path); err != nil {
		return nil, err
	}
	s.combine(ctx, repo, c)
	return s.end(), nil
}

type place struct{ fingerprint, file string }

type scanner struct {
	dir, pathspec string
	allow         map[string]bool
	allowed       map[string]bool
	report        Report
	tree          []Finding
	history       map[place]Finding // the oldest commit of each
}

// readAllowed reads the allow file of a folder.
func (s *scanner) readAllowed(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, AllowFile)) //nolint:gosec // the name is ours
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for line := range strings.Lines(string(data)) {
		name, _, _ := strings.Cut(line, "#")
		if name = strings.TrimSpace(name); name != "" {
			s.allow[name] = true
		}
	}
	return err
}

// look returns the keys on a line that are not allowed.
func (s *scanner) look(line []byte) []match {
	if bytes.IndexByte(line, 0) >= 0 { // UTF-16, in a patch
		line = bytes.ReplaceAll(line, []byte{0}, nil)
	}
	return slices.DeleteFunc(matches(line), func(m match) bool {
		if s.allow[m.fingerprint] {
			s.allowed[m.fingerprint] = true
			return true
		}
		return false
	})
}

// at is what is found where a match stands.
func (m match) at(state State, file string, line int) Finding {
	return Finding{Kind: m.kind, Key: m.shown, Fingerprint: m.fingerprint, State: state, File: file, Line: line}
}

func (s *scanner) historyLine(commit, date, file string, number int, line []byte) {
	for _, m := range s.look(line) {
		f := m.at(Removed, file, number)
		f.Commit, f.Date = commit, date
		if file == "" {
			f.State = Message
		}
		s.history[place{m.fingerprint, file}] = f // older ones come later
	}
}

func (s *scanner) stagedLine(_, _, file string, number int, line []byte) {
	for _, m := range s.look(line) {
		s.report.Findings = append(s.report.Findings, m.at(Staged, file, number))
	}
}

// walk reads the files.
func (s *scanner) walk(ctx context.Context, path string) error {
	return filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			s.unread(name)
			return nil //nolint:nilerr // the others are read all the same
		case entry.Name() == ".git":
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case !entry.Type().IsRegular():
			return nil
		}
		s.file(name)
		return nil
	})
}

func (s *scanner) relative(name string) string {
	if relative, err := filepath.Rel(s.dir, name); err == nil {
		name = relative
	}
	return filepath.ToSlash(name)
}

func (s *scanner) unread(name string) { s.report.Unread = append(s.report.Unread, s.relative(name)) }

func (s *scanner) file(name string) {
	f, err := os.Open(name) //nolint:gosec // the user names the folder
	if err != nil {
		s.unread(name)
		return
	}
	defer func() { _ = f.Close() }() // read only
	r, is := text(f)
	if !is {
		return
	}
	s.report.Files++
	shown := s.relative(name)
	err = eachLine(bufio.NewReader(r), func(number int, line []byte, _ bool) {
		for _, m := range s.look(line) {
			s.tree = append(s.tree, m.at("", shown, number)) // combine gives it its state
		}
	})
	if err != nil {
		s.unread(name)
	}
}

// combine makes one list of what is in the files and what is in the history.
func (s *scanner) combine(ctx context.Context, repo *repository, c Config) {
	var ignored map[string]bool
	if repo != nil {
		files := make([]string, 0, len(s.tree))
		for _, f := range s.tree {
			files = append(files, f.File)
		}
		slices.Sort(files)
		ignored = repo.ignored(ctx, slices.Compact(files))
	}
	present := map[place]bool{}
	for _, f := range s.tree {
		at := place{f.Fingerprint, f.File}
		present[at] = true
		old, known := s.history[at]
		switch {
		case known:
			f.State, f.Commit, f.Date = Committed, old.Commit, old.Date
		case ignored[f.File]:
			if c.NoIgnored {
				continue
			}
			f.State = Ignored
		case repo == nil || c.NoHistory:
			f.State = NoRepo
		default:
			f.State = Uncommitted
		}
		s.report.Findings = append(s.report.Findings, f)
	}
	for at, f := range s.history {
		if !present[at] {
			s.report.Findings = append(s.report.Findings, f)
		}
	}
}

func (s *scanner) end() *Report {
	s.report.Allowed = len(s.allowed)
	slices.SortFunc(s.report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Fingerprint, b.Fingerprint), cmp.Compare(a.Commit, b.Commit))
	})
	s.report.Findings = slices.Compact(s.report.Findings) // pieces of long lines overlap
	if s.report.Findings == nil {
		s.report.Findings = []Finding{}
	}
	return &s.report
}
