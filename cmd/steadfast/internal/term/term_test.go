package term

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
)

func TestWhatIsNoTerminalIsPlain(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	for _, w := range []interface{ Write([]byte) (int, error) }{new(bytes.Buffer), file} {
		assert.False(t, Is(w))
		assert.Equal(t, "text", For(w).Bad("text"))
	}
}

func TestPlainAdviceReadsAsTheLibraryPrintsIt(t *testing.T) {
	for _, class := range []claude.Class{claude.ErrRegion, claude.ErrTLS, claude.ErrUnknown} {
		var b bytes.Buffer
		Painter{}.Advice(&b, claude.Explain(class))
		assert.Equal(t, claude.Explain(class).String()+"\n", b.String())
	}
}

func TestColourOnlyAddsEscapes(t *testing.T) {
	p := Painter{colour: true}
	assert.Equal(t, "\x1b[32mok\x1b[0m", p.Good("ok"))
	assert.Equal(t, "ok", Painter{}.Good("ok"))
}
