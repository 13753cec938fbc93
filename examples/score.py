"""score.py: score.c in Python: load a model, or fit one, score readings, grade them, say what made them anomalies.

    pip install ../bindings/python
    python score.py pump.csv 72.1 141.3 0.98

A model is alertron's own file, or what scikit-learn wrote with pickle or joblib. Of a CSV, whose first line names the
features, one is fitted and saved beside it, here as pump.alertron.
"""

import sys

import numpy as np

import alertron


def fit(path):
    with open(path, encoding="utf-8") as file:
        names = file.readline().strip().split(",")
        rows = np.loadtxt(file, delimiter=",", ndmin=2)
    model = alertron.fit(rows, trees=200, contamination=0.02, seed=42, feature_names=names)
    model.save(path.removesuffix(".csv") + ".alertron")
    return model


def main(path, *numbers):
    model = fit(path) if path.endswith(".csv") else alertron.load(path)
    rows = np.array(numbers, float).reshape(-1, model.n_features)  # any number of readings at once

    scores = model.score(rows)  # higher is more anomalous; an array that exists already is not copied
    severities = alertron.Severity.names(model.severity(scores))
    shares = model.explain(rows)  # which features isolated the rows; of a normal row they say nothing

    for i, severity in enumerate(severities):
        causes = zip(model.features, shares[i]) if severity != "none" else []
        print(f"{scores[i]:.3f} {severity}", *(f"{name} {share:.2f}" for name, share in causes), sep="  ")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: score.py MODEL|CSV NUMBER...")
    try:
        main(*sys.argv[1:])
    except (ValueError, OSError) as error:  # alertron's errors about a model or rows are a ValueError, too
        sys.exit(str(error))
