// This file holds what the package is for.

// Package avapv1pb is the protocol of existing deployments, generated from
// definitions/proto/avap.proto.
package avapv1pb
