// Package scan finds API keys in files and in the history of git. It knows keys by
// the beginnings that vendors give them for this very purpose, and by their length.
//
// The history is read from git itself, as scanners of secrets do: what "git log -p"
// says was added, in every commit of every branch, tag and stash, is looked at. The
// library of such a scanner would bring dozens of modules for hundreds of rules of
// which few are about keys of models, and its own configuration; what is needed here
// is a few patterns and a reader of patches.
//
// A key leaves this package only as its first characters and as a fingerprint.
package scan
