// Doctor diagnoses the way to the API. It needs no key and no network: an
// in-process server plays the API. With -live it looks at the real one, by the
// environment, which costs nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/diagnose"
)

func main() {
	live := flag.Bool("live", false, "diagnose the way to the real API")
	flag.Parse()
	var cfg diagnose.Config // the environment
	if !*live {
		server, err := claudetest.Start(claudetest.Unauthorized().On("GET /v1/models"))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		defer server.Close()
		cfg = diagnose.Config{BaseURL: server.URL, APIKey: "test"}
	}
	fmt.Println(diagnose.Run(context.Background(), cfg))
}
