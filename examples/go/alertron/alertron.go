// Package alertron scores readings with libalertron's models.
package alertron

/*
#cgo pkg-config: alertron
#include <alertron.h>

// Go may not hand over a struct that points to Go's memory; a pointer alone it may.
static alertron_status score(const alertron_model *model, const double *numbers, size_t rows, double *scores)
{
	const alertron_rows view = alertron_rows_of(numbers, rows, alertron_model_features(model));
	return alertron_model_score_rows(model, &view, scores);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// Severity says how far an anomaly stands out among anomalies. Severities can be compared.
type Severity int

// The severities, as alertron.h has them.
const (
	None   Severity = C.ALERTRON_SEVERITY_NONE // not an anomaly
	Low    Severity = C.ALERTRON_SEVERITY_LOW
	Medium Severity = C.ALERTRON_SEVERITY_MEDIUM
	High   Severity = C.ALERTRON_SEVERITY_HIGH
)

// String gives "none", "low", "medium" or "high".
func (s Severity) String() string {
	return C.GoString(C.alertron_severity_name(C.alertron_severity(s)))
}

// ErrClosed is what a closed model answers.
var ErrClosed = errors.New("alertron: the model is closed")

// Model is a loaded model. Any number of goroutines may use it at the same time; Close must be the last call.
type Model struct {
	model *C.alertron_model // nil once closed
	names []string
	cuts  C.alertron_cuts
}

// Load reads libalertron's own file, or what scikit-learn wrote with pickle or joblib, uncompressed. The model keeps
// nothing of the bytes.
func Load(bytes []byte) (*Model, error) {
	var start unsafe.Pointer
	if len(bytes) > 0 {
		start = unsafe.Pointer(&bytes[0])
	}
	var failure C.alertron_error
	model := C.alertron_model_load(start, C.size_t(len(bytes)), nil, &failure)
	if model == nil {
		return nil, errors.New(C.GoString(&failure.text[0]))
	}
	m := &Model{model: model, cuts: C.alertron_model_cuts(model), names: make([]string, C.alertron_model_features(model))}
	for i := range m.names {
		if name := C.alertron_model_feature_name(model, C.size_t(i)); name != nil {
			m.names[i] = C.GoString(name)
		} else {
			m.names[i] = fmt.Sprintf("feature %d", i)
		}
	}
	// Go's collector does not see how large a model is: Close frees it at once, this frees a forgotten one.
	runtime.SetFinalizer(m, (*Model).Close)
	return m, nil
}

// Close frees the model. A second call does nothing.
func (m *Model) Close() error {
	C.alertron_model_free(m.model)
	m.model = nil
	runtime.SetFinalizer(m, nil)
	return nil
}

// Features is the number of numbers in a reading.
func (m *Model) Features() int { return len(m.names) }

// FeatureName is the name of a feature, or "feature 0" and so on where the model has none.
func (m *Model) FeatureName(index int) string { return m.names[index] }

// Severity is the band of a score by the model's own cuts.
func (m *Model) Severity(score float64) Severity {
	cuts := m.cuts // a copy: C may not be shown a struct that holds Go's pointers, as *m does
	return Severity(C.alertron_cuts_severity(&cuts, C.double(score)))
}

// Score gives the scores of readings that lie one after the other; the numbers are not copied.
func (m *Model) Score(numbers []float64) ([]float64, error) {
	if m.model == nil {
		return nil, ErrClosed
	}
	if len(numbers)%len(m.names) != 0 {
		return nil, fmt.Errorf("%d numbers given; a reading takes %d", len(numbers), len(m.names))
	}
	scores := make([]float64, len(numbers)/len(m.names))
	if len(scores) > 0 {
		C.score(m.model, double(numbers), C.size_t(len(scores)), double(scores)) // the width is right, so it can't fail
		runtime.KeepAlive(m)
	}
	return scores, nil
}

// Explain gives each feature's share in an anomaly: at least 0, in all 1.
func (m *Model) Explain(row []float64) ([]float64, error) {
	if m.model == nil {
		return nil, ErrClosed
	}
	if len(row) != len(m.names) {
		return nil, fmt.Errorf("%d numbers given; a reading takes %d", len(row), len(m.names))
	}
	shares := make([]float64, len(row))
	C.alertron_model_explain(m.model, double(row), double(shares))
	runtime.KeepAlive(m)
	return shares, nil
}

// double is where C finds the numbers of a slice that is not empty.
func double(numbers []float64) *C.double { return (*C.double)(unsafe.Pointer(&numbers[0])) }
