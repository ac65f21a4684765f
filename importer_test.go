package claude_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An importer gets the library and its two dependencies, and nothing of its tests
// or nested modules.
func TestAnotherModuleImportsTheLibraryAlone(t *testing.T) {
	root, err := os.Getwd()
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("go.mod", "module example.com/importer\n\ngo 1.26\n\nrequire github.com/steadfast-go/claude v0.0.0\n\nrequire (\n\tgithub.com/cenkalti/backoff/v4 v4.3.0 // indirect\n\tgithub.com/sony/gobreaker/v2 v2.4.0 // indirect\n)\n\nreplace github.com/steadfast-go/claude => "+root+"\n")
	sum, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	write("go.sum", string(sum))
	write("main.go", `package main

import (
	"fmt"

	"github.com/steadfast-go/claude"
)

func main() {
	client, err := claude.New(claude.WithAPIKey("sk-ant-not-a-real-key"))
	fmt.Println(client.Endpoint(), err)
}
`)
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "ANTHROPIC_API_KEY=", "ANTHROPIC_AUTH_TOKEN=", "ANTHROPIC_BASE_URL=", "ANTHROPIC_CUSTOM_HEADERS=")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "go %s: %s", strings.Join(args, " "), out)
		return string(out)
	}
	assert.Equal(t, "https://api.anthropic.com/v1/messages <nil>\n", run("run", "."))
	var foreign []string
	for pkg := range strings.Lines(run("list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")) {
		foreign = append(foreign, strings.TrimSpace(pkg))
	}
	assert.ElementsMatch(t, []string{
		"github.com/cenkalti/backoff/v4",
		"github.com/sony/gobreaker/v2",
		"github.com/steadfast-go/claude/internal/netstage",
		"github.com/steadfast-go/claude/internal/redact",
		"github.com/steadfast-go/claude/internal/sse",
		"github.com/steadfast-go/claude/internal/wire",
		"github.com/steadfast-go/claude",
		"example.com/importer",
	}, foreign)
}

func TestEveryExportedNameHasAComment(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) {
					assert.NotNil(t, d.Doc, "%s: %s", set.Position(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch s := spec.(type) {
					case *ast.TypeSpec:
						if s.Name.IsExported() {
							assert.True(t, d.Doc != nil || s.Doc != nil, "%s: %s", set.Position(s.Pos()), s.Name.Name)
						}
					case *ast.ValueSpec:
						if s.Names[0].IsExported() {
							assert.True(t, d.Doc != nil || s.Doc != nil || s.Comment != nil, "%s: %s", set.Position(s.Pos()), s.Names[0].Name)
						}
					}
				}
			}
		}
	}
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}
