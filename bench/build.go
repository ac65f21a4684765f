package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// builds is what a program that says hello costs before it runs.
func builds() scenario {
	return scenario{
		name: "build", title: "Hello world", who: decoders,
		about: "A program that makes one call, in `bench/hello`, built with `-trimpath -ldflags=\"-s -w\"` and no cgo. CPU and memory are those of `go build` with a build cache that holds the standard library and nothing else, link included; memory is the most that one compiler or linker had. Packages are those beyond the standard library.",
		rows: []row{
			{name: "size", unit: "MB", chart: true, aims: []aim{{"", 8}}},
			{name: "CPU to build", unit: "s", chart: true, aims: []aim{{"", 8}}},
			{name: "memory to build", unit: "MB"},
			{name: "packages"},
			{name: "modules"},
		},
		chart: "Hello world: size in MB, CPU seconds to build",
		prepare: func(o options) (trial, error) {
			ctx := context.Background()
			dir, err := moduleDir(ctx)
			if err != nil {
				return trial{}, err
			}
			scratch, err := os.MkdirTemp("", "bench")
			if err != nil {
				return trial{}, err
			}
			b := builder{Module: dir, Scratch: scratch}
			arg, err := json.Marshal(b)
			if err != nil {
				return trial{}, err
			}
			if _, _, err := b.run(ctx, b.std(), "build", "-trimpath", "std"); err != nil {
				return trial{}, errors.Join(err, os.RemoveAll(scratch))
			}
			return trial{close: func() { _ = os.RemoveAll(scratch) }, round: oneByOne(func(ctx context.Context, who string) (numbers, error) {
				return inChild(ctx, "build", who, string(arg)) // a process begins with its parent's peak, and ours is large
			})}, nil
		},
	}
}

// hellos are the folders of the programs.
var hellos = map[string]string{steadfast: "steadfast", byHand: "raw", official1: "official1", official2: "official2"}

type builder struct {
	Module  string `json:"module"`
	Scratch string `json:"scratch"`
}

// std is the build cache that holds the standard library.
func (b builder) std() string { return filepath.Join(b.Scratch, "std") }

// run runs the go command with a build cache, and returns what it used and printed.
func (b builder) run(ctx context.Context, cache string, args ...string) (*os.ProcessState, string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.Module
	cmd.Env = append(os.Environ(), "GOCACHE="+cache, "CGO_ENABLED=0")
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return nil, "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, problem.Bytes())
	}
	return cmd.ProcessState, out.String(), nil
}

func buildChild(ctx context.Context, who, arg string) (numbers, error) {
	var b builder
	if err := json.Unmarshal([]byte(arg), &b); err != nil {
		return nil, err
	}
	cache, program := filepath.Join(b.Scratch, "cache"), filepath.Join(b.Scratch, "hello")
	if err := os.RemoveAll(cache); err != nil {
		return nil, err
	}
	if err := os.CopyFS(cache, os.DirFS(b.std())); err != nil {
		return nil, err
	}
	hello := "./hello/" + hellos[who]
	built, _, err := b.run(ctx, cache, "build", "-trimpath", "-ldflags=-s -w", "-o", program, hello)
	if err != nil {
		return nil, err
	}
	file, err := os.Stat(program)
	if err != nil {
		return nil, err
	}
	_, listed, err := b.run(ctx, cache, "list", "-deps", "-f", "{{if not .Standard}}{{.Module.Path}}{{end}}", hello)
	if err != nil {
		return nil, err
	}
	packages, modules := 0, map[string]bool{}
	for module := range strings.FieldsSeq(listed) {
		packages++
		modules[module] = true
	}
	return numbers{
		"size": float64(file.Size()) / 1e6, "CPU to build": (built.UserTime() + built.SystemTime()).Seconds(), "memory to build": peakOf(built) / 1e6,
		"packages": float64(packages - 1), "modules": float64(len(modules) - 1), // without the program itself
	}, nil
}

// moduleDir returns the folder of this module, wherever we were started.
func moduleDir(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/steadfast-go/claude/bench").Output()
	if err != nil {
		return "", fmt.Errorf("finding this module: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
