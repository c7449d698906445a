// This file holds what the package is for.

// Package avapv2pb is the protocol of workers and administrators, generated from
// definitions/proto/avap_v2.proto.
package avapv2pb
