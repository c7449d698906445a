// Package telemetry holds what a worker reports about itself: metrics, traces, logs, and
// the admin port that shows them.
//
// Labels of metrics and names of spans come from the sets in this file alone:
// what a caller sends, such as a script, its name or a host, is never one.
package telemetry

import (
	"time"

	"github.com/avap-framework/avap"
)

// Endpoint is what a request asked for.
type Endpoint uint8

// Endpoints of the data port.
const (
	EndpointOther Endpoint = iota // no endpoint, or a redirect to one
	EndpointExecute
	EndpointCompile
	EndpointHealth
	EndpointReady
	numEndpoints
)

var endpointNames = [numEndpoints]string{"other", "execute", "compile", "health", "readyz"}

func (e Endpoint) String() string { return nameOf(endpointNames[:], uint8(e)) }

// Lane is where an execution ran, in the end.
type Lane uint8

// Lanes of executions.
const (
	LaneNone Lane = iota // it never ran
	LaneFast
	LaneSlow
	numLanes
)

var laneNames = [numLanes]string{"none", "fast", "slow"}

func (l Lane) String() string { return nameOf(laneNames[:], uint8(l)) }

// Stage is a part of a request's way.
type Stage uint8

// Stages, in the order of the way.
const (
	StageRead    Stage = iota // header and body arrive
	StageVerify               // signature, package
	StageQueue                // waiting for a place
	StageCompile              // parse, compile, verify, link
	StageRun                  // instructions, without host calls
	StageHost                 // all HTTP and SQL calls together
	StageAnswer               // writing JSON
	numStages
)

var stageNames = [numStages]string{"read", "verify", "queue", "compile", "run", "host", "answer"}

func (s Stage) String() string { return nameOf(stageNames[:], uint8(s)) }

// Stages are durations by Stage.
type Stages [numStages]time.Duration

// CacheUse is what looking for the compiled program gave.
type CacheUse uint8

// Uses of the cache of programs.
const (
	CacheUnused CacheUse = iota
	CacheMiss
	CacheHit
)

// Refusal is why a request was turned away before it ran.
type Refusal uint8

// Reasons of refusals. Those that are a code of errors of their own need not be
// given: Observe takes them from the code.
const (
	RefusedNot Refusal = iota
	RefusedSignatureMissing
	RefusedSignatureInvalid
	RefusedSignatureExpired
	RefusedSignatureReplayed
	RefusedIntegrity
	RefusedOrigin
	RefusedRate
	RefusedBody       // too large
	RefusedHeader     // too large, or malformed
	RefusedQueueFull  // no room to wait in
	RefusedQueueWait  // waited as long as one may
	RefusedMemory     // the budget of all executions is used up
	RefusedReplayFull // no room to remember another signature
	RefusedOverload   // overloaded for any other reason
	RefusedDraining
	RefusedCatalog    // there is no catalog to run with
	RefusedConnection // too many connections
	numRefusals
)

var refusalNames = [numRefusals]string{
	"none", "signature_missing", "signature_invalid", "signature_expired", "signature_replayed", "integrity",
	"origin_denied", "rate_limited", "body_too_large", "bad_header", "queue_full", "queue_wait", "memory_budget",
	"replay_full", "overloaded", "draining", "catalog_unavailable", "connections",
}

func (r Refusal) String() string { return nameOf(refusalNames[:], uint8(r)) }

// Quota is a limit of one execution.
type Quota uint8

const (
	quotaNone Quota = iota
	quotaInstructions
	quotaMemory
	quotaTime
	quotaDepth
	quotaOutput
	quotaHostCalls
	numQuotas
)

var quotaNames = [numQuotas]string{"none", "instructions", "memory", "time", "depth", "output", "host_calls"}

// nameOf returns a name, "other" for what has none.
func nameOf(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return "other"
}

// Observation is what is reported of one request once it was answered.
type Observation struct {
	Endpoint Endpoint
	Lane     Lane
	Cache    CacheUse
	Refusal  Refusal        // only where it is finer than Code
	Status   int            // of HTTP; 0 where nobody was left to answer
	Code     avap.ErrorCode // empty for success
	BytesIn  int            // of the body
	BytesOut int            // of the answer's body
	// Stages are how long each took; 0 for one that the request did not reach.
	Stages Stages
	Total  time.Duration // from the first byte of the request to the last of the answer
}
