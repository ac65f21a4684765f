package main

import (
	"fmt"
	"os"
	"testing"
)

// TestMain lets the tests' program stand in for the command where that starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		if err := child(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestEverybodyGivesTheRightAnswers(t *testing.T) {
	if err := run([]string{"-quick", "-out", t.TempDir()}, t.Output()); err != nil {
		t.Fatal(err)
	}
}
