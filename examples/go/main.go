// main.go: score.c in Go.
//
//	go build -o score .
//	./score pump.alertron 72.1 141.3 0.98
//
// cgo finds the library with pkg-config. The package alertron beside this file is the part to copy.
package main

import (
	"fmt"
	"os"
	"strconv"

	"example.com/score/alertron"
)

func load(path string) (*alertron.Model, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	model, err := alertron.Load(bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return model, nil
}

func parse(texts []string) ([]float64, error) {
	numbers := make([]float64, len(texts))
	for i, text := range texts {
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("'%s' is not a number", text)
		}
		numbers[i] = number
	}
	return numbers, nil
}

// show prints one line: score, severity, and of an anomaly the features' shares in it.
func show(model *alertron.Model, row []float64, score float64) error {
	severity := model.Severity(score)
	fmt.Printf("%.3f %s", score, severity)
	if severity != alertron.None {
		shares, err := model.Explain(row)
		if err != nil {
			return err
		}
		for i, share := range shares {
			fmt.Printf("  %s %.2f", model.FeatureName(i), share)
		}
	}
	fmt.Println()
	return nil
}

func run(path string, texts []string) error {
	model, err := load(path)
	if err != nil {
		return err
	}
	defer model.Close()
	numbers, err := parse(texts)
	if err != nil {
		return err
	}
	scores, err := model.Score(numbers)
	if err != nil {
		return err
	}
	width := model.Features()
	for i, score := range scores {
		if err := show(model, numbers[i*width:(i+1)*width], score); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: score MODEL NUMBER...")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
