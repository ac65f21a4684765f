//go:build !linux

package diagnose

import (
	"context"
	"errors"
	"net/netip"
)

// probePath needs the error queue of a socket, which only Linux has; elsewhere the
// answers of routers are for root alone.
func probePath(context.Context, netip.AddrPort) ([]hop, error) {
	return nil, errors.ErrUnsupported
}
