package main

import (
	"fmt"
	"strings"

	"github.com/steadfast-go/claude"
)

// exitCodes are what "steadfast ask" ends with, by the class of the failure. The
// tens say whose matter it is. They are a promise: a code keeps its meaning.
var exitCodes = []struct {
	code  int
	class claude.Class
}{
	{10, claude.ErrConfig},
	{11, claude.ErrValidation},
	{12, claude.ErrDeadline},
	{13, claude.ErrCircuitOpen},

	{20, claude.ErrDNS},
	{21, claude.ErrConnect},
	{22, claude.ErrProxy},
	{23, claude.ErrTLS},
	{24, claude.ErrStaleConnection},
	{25, claude.ErrConnectionLost},
	{26, claude.ErrTimeout},

	{30, claude.ErrInvalidRequest},
	{31, claude.ErrContextTooLong},
	{32, claude.ErrTooLarge},
	{33, claude.ErrNotFound},
	{34, claude.ErrConflict},
	{35, claude.ErrRequestTimeout},

	{40, claude.ErrAuthentication},
	{41, claude.ErrPermission},
	{42, claude.ErrBilling},
	{43, claude.ErrRateLimit},
	{44, claude.ErrRegion},

	{50, claude.ErrOverloaded},
	{51, claude.ErrInternal},
	{52, claude.ErrGateway},

	{60, claude.ErrBlocked},
	{61, claude.ErrUnexpectedResponse},
	{62, claude.ErrRedirect},

	{70, claude.ErrBodyCut},
	{71, claude.ErrStreamTruncated},
	{72, claude.ErrStreamStalled},
	{73, claude.ErrProtocol},

	{130, claude.ErrCanceled}, // as shells have it for an interrupt
}

// exitCode is the code for a class. One without a code is a failure like any other.
func exitCode(class claude.Class) int {
	for _, c := range exitCodes {
		if c.class == class {
			return c.code
		}
	}
	return exitFailure
}

// exitCodeHelp is the table for the help text, a line for each ten.
func exitCodeHelp() string {
	var b strings.Builder
	b.WriteString("  0 answered, 1 another failure, 2 wrong use")
	ten := 0
	for _, c := range exitCodes {
		entry := fmt.Sprintf("%d %s", c.code, c.class)
		line := b.String()[strings.LastIndexByte(b.String(), '\n')+1:]
		switch {
		case c.code/10 != ten:
			b.WriteString("\n  " + entry)
		case len(line)+2+len(entry) > 76:
			b.WriteString(",\n     " + entry)
		default:
			b.WriteString(", " + entry)
		}
		ten = c.code / 10
	}
	return b.String()
}
