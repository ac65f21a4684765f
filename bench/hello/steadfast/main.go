// Command steadfast says hello with this library, to be weighed.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/steadfast-go/claude"
)

func main() {
	client, err := claude.New()
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.Messages.Create(context.Background(), claude.Request{
		Model: claude.ModelSonnet5_5, MaxTokens: 1024, Messages: []claude.Message{claude.UserText("Hello")},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.Text())
}
