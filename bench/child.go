package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// Memory is measured in a process of its own for each contender: this program, run
// again as "bench child MEASUREMENT CONTENDER ARGUMENT".

const childArg = "child"

var children = map[string]func(ctx context.Context, who, arg string) (numbers, error){
	"request": requestChild,
	"open":    openChild,
	"build":   buildChild,
}

// inChild measures in a child process.
func inChild(ctx context.Context, what, who, arg string) (numbers, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, childArg, what, who, arg)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", what, who, err)
	}
	var n numbers
	return n, json.Unmarshal(out, &n)
}

// child is the other side of inChild.
func child(args []string) error {
	if len(args) != 3 || children[args[0]] == nil {
		return errors.New("usage: child MEASUREMENT CONTENDER ARGUMENT")
	}
	n, err := children[args[0]](context.Background(), args[1], args[2])
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(n)
}
