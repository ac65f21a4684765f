// Package ask asks a model one question and shows the answer as it comes, with
// whatever the client goes through to get it.
package ask
