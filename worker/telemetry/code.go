// This file holds the codes of errors as labels, and what else they say.

package telemetry

import "github.com/avap-framework/avap"

// known is a code, and what else an error of it counts as.
type known struct {
	code    avap.ErrorCode
	refusal Refusal
	quota   Quota
}

// codes are the codes that are labels, in the order of docs/metrics.md. The
// first is success; the last stands for every code that is not here.
var codes = [...]known{
	{code: "ok"},
	{code: "bad_request"},
	{code: "syntax_error"},
	{code: "unknown_command"},
	{code: "bad_arguments"},
	{code: "name_error"},
	{code: "type_error"},
	{code: "overflow"},
	{code: "runtime_error"},
	{code: "http_error"},
	{code: "sql_error"},
	{code: "quota_instructions", quota: quotaInstructions},
	{code: "quota_memory", quota: quotaMemory},
	{code: "quota_time", quota: quotaTime},
	{code: "quota_depth", quota: quotaDepth},
	{code: "quota_output", quota: quotaOutput},
	{code: "quota_host_calls", quota: quotaHostCalls},
	{code: "signature_missing", refusal: RefusedSignatureMissing},
	{code: "signature_invalid", refusal: RefusedSignatureInvalid},
	{code: "signature_expired", refusal: RefusedSignatureExpired},
	{code: "signature_replayed", refusal: RefusedSignatureReplayed},
	{code: "integrity", refusal: RefusedIntegrity},
	{code: "capability_denied"},
	{code: "address_denied"},
	{code: "origin_denied", refusal: RefusedOrigin},
	{code: "unknown_script"},
	{code: "not_found"},
	{code: "method_not_allowed"},
	{code: "body_too_large", refusal: RefusedBody},
	{code: "rate_limited", refusal: RefusedRate},
	{code: "internal"},
	{code: "overloaded", refusal: RefusedOverload},
	{code: "catalog_unavailable", refusal: RefusedCatalog},
	{code: "draining", refusal: RefusedDraining},
	{code: "cancelled"},
	{code: "other"},
}

const (
	numCodes  = len(codes)
	codeOK    = 0
	codeOther = numCodes - 1
)

// indexCodes returns the place of each code in codes.
func indexCodes() map[avap.ErrorCode]uint8 {
	m := make(map[avap.ErrorCode]uint8, numCodes)
	for i, k := range codes {
		m[k.code] = uint8(i)
	}
	return m
}

// Classes of HTTP statuses. A script may answer any status, so that the class
// alone is a label.
var classNames = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

const numClasses = len(classNames)

func classOf(status int) int {
	if class := status / 100; status > 0 && class < numClasses {
		return class
	}
	return 0
}
