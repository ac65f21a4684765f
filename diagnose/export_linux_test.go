package diagnose

import (
	"context"
	"fmt"
	"net/netip"
)

// ProbePath is probePath with hops as texts.
func ProbePath(ctx context.Context, target string) (texts []string, err error) {
	hops, err := probePath(ctx, netip.MustParseAddrPort(target))
	for _, h := range hops {
		text := fmt.Sprint(h.ttl, " ", h.addr)
		if h.reached {
			text += " reached"
		}
		texts = append(texts, text)
	}
	return texts, err
}
