// This file holds docs/metrics.md and deploy/alerts.yml to what a worker shows.

package telemetry_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v2"

	"github.com/avap-framework/avap/worker/telemetry"
)

// everything makes metrics of a worker that has everything, after a request that
// has been everywhere.
func everything() *telemetry.Metrics {
	m := telemetry.NewMetrics(telemetry.Options{Sources: telemetry.Sources{
		Lanes:       func() telemetry.Lanes { return telemetry.Lanes{} },
		Caches:      func() telemetry.Caches { return telemetry.Caches{} },
		Memory:      func() telemetry.Budget { return telemetry.Budget{} },
		Catalog:     func() (c telemetry.Catalog) { c.Issued = c.Issued.AddDate(1, 0, 0); return c },
		Hosts:       func() telemetry.Hosts { return telemetry.Hosts{} },
		Connections: func() int { return 0 },
		Ready:       func() bool { return true },
		LogsDropped: func() uint64 { return 0 },
		TraceErrors: func() uint64 { return 0 },
	}})
	m.Observe(request("", 200))
	return m
}

// metric is one as it is documented: its type and its labels, sorted.
type metric struct {
	Type   string
	Labels []string
}

// shown gives what a scrape shows of the worker's own metrics.
func shown(t *testing.T, m *telemetry.Metrics) map[string]metric {
	t.Helper()
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]metric{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "avap_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		found[f.GetName()] = metric{strings.ToLower(f.GetType().String()), labels}
	}
	return found
}

// rows gives the rows of the page's tables, each as its cells.
func rows(t *testing.T) (all [][]string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		all = append(all, cells)
	}
	return all
}

// documented gives what the table of metrics says.
func documented(t *testing.T) map[string]metric {
	t.Helper()
	found := map[string]metric{}
	for _, cells := range rows(t) {
		name := strings.Trim(cells[0], "`")
		if len(cells) != 5 || !strings.HasPrefix(name, "avap_") {
			continue
		}
		if _, twice := found[name]; twice {
			t.Errorf("%s stands in the table twice", name)
		}
		labels := strings.Fields(strings.ReplaceAll(cells[2], "`", ""))
		slices.Sort(labels)
		if len(labels) == 0 {
			labels = nil
		}
		found[name] = metric{cells[1], labels}
	}
	return found
}

func TestDocument(t *testing.T) {
	if diff := cmp.Diff(documented(t), shown(t, everything())); diff != "" {
		t.Errorf("docs/metrics.md (-) and the registry (+) differ:\n%s", diff)
	}
}

// TestDocumentedLabels holds the values of labels to what there is.
func TestDocumentedLabels(t *testing.T) {
	want := map[string]string{
		"endpoint": names(func(i uint8) string { return telemetry.Endpoint(i).String() }, 1) + " other",
		"lane":     names(func(i uint8) string { return telemetry.Lane(i).String() }, 0),
		"stage":    names(func(i uint8) string { return telemetry.Stage(i).String() }, 0),
	}
	m := everything()
	for label, metric := range map[string]string{
		"reason": "avap_refusals_total", "quota": "avap_quotas_hit_total", "cache": "avap_cache_entries", "state": "avap_breakers", "kind": "avap_breakers",
	} {
		want[label] = strings.Join(labelValues(t, m, metric, label), " ")
	}
	got := map[string]string{}
	for _, cells := range rows(t) {
		if label := strings.Trim(cells[0], "`"); len(cells) == 2 && want[label] != "" {
			got[label] = strings.ReplaceAll(cells[1], "`", "")
		}
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("docs/metrics.md (-) and the labels that there are (+) differ:\n%s", diff)
	}
}

// names gives the names from a number on, up to the first that there is not.
func names(name func(uint8) string, from uint8) string {
	var all []string
	for i := from; name(i) != "other"; i++ {
		all = append(all, name(i))
	}
	return strings.Join(all, " ")
}

// labelValues gives the values that a label of a metric has, sorted.
func labelValues(t *testing.T, m *telemetry.Metrics, name, label string) (values []string) {
	t.Helper()
	text := regexp.MustCompile(label + `="([^"]*)"`)
	for _, line := range lines(t, m, name) {
		values = append(values, text.FindStringSubmatch(line)[1])
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// rules is a rule file of Prometheus, as far as ours goes.
type rules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

func TestAlerts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file rules
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		t.Fatal(err)
	}
	metrics := shown(t, everything())
	names := map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || names[r.Alert] || r.Annotations["summary"] == "" || r.Labels["severity"] == "" {
				t.Errorf("%s: incomplete, or there twice", r.Alert)
			}
			names[r.Alert] = true
			checkExpr(t, r.Alert, r.Expr, metrics)
		}
	}
	if len(names) < 10 {
		t.Errorf("%d alerts", len(names))
	}
}

var (
	metricName = regexp.MustCompile(`avap_\w+`)
	selector   = regexp.MustCompile(`(avap_\w+)\{([^}]*)\}`)
	matcher    = regexp.MustCompile(`(\w+)(?:=~|!=|=)"([^"]*)"`)
)

// checkExpr holds an expression to metrics and labels that there are.
func checkExpr(t *testing.T, alert, expr string, metrics map[string]metric) {
	t.Helper()
	used := metricName.FindAllString(expr, -1)
	if len(used) == 0 || strings.Count(expr, "(") != strings.Count(expr, ")") {
		t.Errorf("%s: %s", alert, expr)
	}
	for _, name := range used {
		if _, ok := metrics[name]; !ok {
			t.Errorf("%s: there is no %s", alert, name)
		}
	}
	for _, s := range selector.FindAllStringSubmatch(expr, -1) {
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			if !slices.Contains(metrics[s[1]].Labels, m[1]) {
				t.Errorf("%s: %s has no label %s", alert, s[1], m[1])
			}
		}
	}
}
