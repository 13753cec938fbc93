// client_golang's side of the registry benchmark: the commands of registry_alertron.c.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

const (
	devices    = 25000
	operations = 1000000
)

var severities = []string{"none", "low", "medium", "high"}
var bounds = []float64{1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1}

type side struct {
	registry *prometheus.Registry
	counters *prometheus.CounterVec
	seconds  prometheus.Histogram
	ids      []string
}

func newSide() *side {
	s := &side{
		registry: prometheus.NewRegistry(),
		counters: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "anomaly_count_total", Help: "Anomalies."},
			[]string{"device_id", "severity"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "latency_seconds", Help: "Latency.", Buckets: bounds}),
	}
	s.registry.MustRegister(s.counters, s.seconds)
	for i := 0; i < devices; i++ {
		s.ids = append(s.ids, fmt.Sprintf("device-%05d", i))
		for _, severity := range severities {
			s.counters.WithLabelValues(s.ids[i], severity).Add(float64(i))
		}
	}
	return s
}

func perOperation(n int, work func()) float64 {
	begun := time.Now()
	work()
	return time.Since(begun).Seconds() / float64(n)
}

func (s *side) add() float64 {
	child := s.counters.WithLabelValues(s.ids[7], "low")
	return perOperation(operations, func() {
		for i := 0; i < operations; i++ {
			child.Inc()
		}
	})
}

// observe spreads its values over the buckets, in an order that is the same on each side.
func (s *side) observe() float64 {
	var values [1024]float64
	next := uint32(1)
	for i := range values {
		next = next*1664525 + 1013904223
		values[i] = bounds[next>>28] * 0.9
	}
	return perOperation(operations, func() {
		for i := 0; i < operations; i++ {
			s.seconds.Observe(values[i&1023])
		}
	})
}

// lookup finds the series of `among` devices by their label values, in a random order.
func (s *side) lookup(among uint32) float64 {
	next := uint32(1)
	return perOperation(operations, func() {
		for i := 0; i < operations; i++ {
			next = next*1664525 + 1013904223
			s.counters.WithLabelValues(s.ids[uint64(next)*uint64(among)>>32], severities[next&3]).Inc()
		}
	})
}

func (s *side) render(output *bytes.Buffer) float64 {
	return perOperation(1, func() {
		output.Reset()
		families, err := s.registry.Gather()
		if err != nil {
			panic(err)
		}
		for _, family := range families {
			if _, err := expfmt.MetricFamilyToText(output, family); err != nil {
				panic(err)
			}
		}
	})
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/prometheus/client_golang" {
				return "client_golang " + module.Version + ", " + runtime.Version()
			}
		}
	}
	return "client_golang, " + runtime.Version()
}

func main() {
	s := newSide()
	output := new(bytes.Buffer)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var seconds float64
		switch lines.Text() {
		case "version":
			fmt.Println(version())
			continue
		case "add":
			seconds = s.add()
		case "observe":
			seconds = s.observe()
		case "lookup-1":
			seconds = s.lookup(1)
		case "lookup-all":
			seconds = s.lookup(devices)
		case "render":
			seconds = s.render(output)
		case "series":
			s.render(output)
			fmt.Println(bytes.Count(output.Bytes(), []byte("\nanomaly_count_total{")))
			continue
		default:
			fmt.Println("error: unknown command")
			continue
		}
		fmt.Println(strconv.FormatFloat(seconds, 'g', 9, 64))
	}
}
