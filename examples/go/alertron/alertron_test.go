package alertron

import (
	"os"
	"reflect"
	"sync"
	"testing"
)

var readings = []float64{72.1, 141.3, 0.98, 50, 100, 0.5}

func load(t *testing.T) *Model {
	t.Helper()
	bytes, err := os.ReadFile("../pump.alertron")
	if err != nil {
		t.Fatal(err)
	}
	model, err := Load(bytes)
	if err != nil {
		t.Fatal(err)
	}
	return model
}

func TestGoroutinesShareAModel(t *testing.T) {
	model := load(t)
	defer model.Close()
	want, err := model.Score(readings)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != 2 || want[0] <= want[1] {
		t.Fatalf("%v: the first reading is the anomaly", want)
	}
	var group sync.WaitGroup
	for i := 0; i < 8; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for j := 0; j < 100; j++ {
				if scores, err := model.Score(readings); err != nil || !reflect.DeepEqual(scores, want) {
					t.Errorf("%v, %v; not %v", scores, err, want)
				}
			}
		}()
	}
	group.Wait()
}

func TestWrongWidthsAreRefused(t *testing.T) {
	model := load(t)
	defer model.Close()
	if _, err := model.Score(readings[:4]); err == nil {
		t.Error("four numbers have scores")
	}
	if _, err := model.Explain(readings); err == nil {
		t.Error("two readings are explained as one")
	}
	if scores, err := model.Score(nil); err != nil || len(scores) != 0 {
		t.Errorf("no readings: %v, %v", scores, err)
	}
}

func TestAClosedModelAnswersWithAnError(t *testing.T) {
	model := load(t)
	for i := 0; i < 2; i++ {
		if err := model.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := model.Score(readings); err != ErrClosed {
		t.Error(err)
	}
	if _, err := model.Explain(readings[:3]); err != ErrClosed {
		t.Error(err)
	}
}

func TestWhatIsNoModelIsRefused(t *testing.T) {
	for _, bytes := range [][]byte{nil, []byte("no model")} {
		if _, err := Load(bytes); err == nil || err.Error() == "" {
			t.Errorf("%q loads", bytes)
		}
	}
}
