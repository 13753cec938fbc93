"""service: alertrond as the local stack uses it: built, given a model, run, and fed by its generator."""

import json
import os
import pathlib
import re
import subprocess

import paths
from process import Child, Failure, http_get
from scrape import scrape

PROGRAM = paths.ROOT / "build" / "release" / "alertrond" / "alertrond"


def build(log, progress):
    """Builds the release; progress(text) is called with how far it is."""
    for words in (["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release"]):
        building = Child("the build", words, log, cwd=paths.ROOT).start()
        try:
            while building.running:
                progress(_last_percentage(log))
        finally:
            building.stop()
        if building.status != 0:
            raise Failure(f"The build failed ({' '.join(words)}).\n{building.tail(25)}")
    return PROGRAM


def _last_percentage(log):
    found = re.findall(r"^\[ *(\d+)(%|/\d+)\]", pathlib.Path(log).read_text(errors="replace"), re.MULTILINE)
    return "".join(found[-1]) if found else ""


def train(program, directory):
    """A model of the generator's normal readings."""
    readings, model = directory / "normal.csv", directory / "model.alertron"
    generate = [program, "generate", "--count", 20000, "--anomalies", 0, "--seed", 1, "--rate", "max", "--csv"]
    _work(Child("generating readings", generate, directory / "train.log", output=readings))
    fit = [program, "train", readings, "-o", model, "--trees", 200, "--contamination", "0.01", "--seed", 42]
    _work(Child("training the model", fit, directory / "train.log"))
    return model


def calibrate(program, directory):
    """Flags that take the severity cuts from readings with the fleet's own anomalies among them: a model that has
    seen normal readings only calls nearly all of those high."""
    readings = directory / "calibration.csv"
    generate = [program, "generate", "--count", 20000, "--seed", 2, "--rate", "max", "--csv"]
    _work(Child("generating readings with anomalies", generate, directory / "train.log", output=readings))
    return ["--severity-calibration-file", readings]


def _work(child, seconds=120):
    if child.start().wait(seconds) != 0:
        raise Failure(f"{child.name} failed.\n{child.tail()}")


def model_features(program, model):
    """How many features a model takes; Failure where it can't be loaded."""
    words = [str(program), "inspect", "--json", str(model)]
    inspected = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if inspected.returncode != 0:
        raise Failure(f"{model} can't be used:\n{inspected.stderr.strip()}")
    features = json.loads(inspected.stdout)["features"]
    return len(features) if isinstance(features, list) else int(features)


def clean_environment():
    """The environment without settings of somebody else's service, which would reach ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "ALERTROND_"))}


class Service:
    """`alertrond run` on a port of this machine."""

    def __init__(self, program, directory, model, bootstrap, port, env=None, options=()):
        self.url = f"http://127.0.0.1:{port}"
        words = [program, "run", "-m", model, "--bootstrap", bootstrap, "--create-topics"]
        words += ["--http-address", "127.0.0.1", "--port", port, *options]
        self._child = Child("alertrond", words, pathlib.Path(directory) / "alertrond.log", env=env or clean_environment())
        self.children = [self._child]

    @property
    def pid(self):
        return self._child.pid

    @property
    def status(self):
        """Its exit status, or None while it runs."""
        return self._child.status

    @property
    def log(self):
        return self._child.log.read_text(errors="replace")

    def start(self):
        self._child.start()
        return self

    def await_ready(self, seconds=120):
        self._child.await_ready(lambda: http_get(f"{self.url}/readyz")[0] == 200, seconds)
        return self

    def metrics(self):
        """What it counts, or None while it does not answer."""
        return scrape(f"{self.url}/metrics")

    def kill(self):
        self._child.kill()

    def stop(self):
        return self._child.stop(40)


class Generator:
    """`alertrond generate`: synthetic devices that write to a broker."""

    def __init__(self, program, directory, bootstrap, name="generator", env=None, topic="readings", **options):
        words = [program, "generate", "--bootstrap", bootstrap, "--topic", topic]
        for option, value in options.items():
            words += [f"--{option}", value]
        log = pathlib.Path(directory) / f"{name}.log"
        self._child = Child(f"the {name}", words, log, env=env or clean_environment())
        self.children = [self._child]

    def start(self):
        self._child.start()
        return self

    def wait(self, seconds):
        """Until it has written all it was asked for."""
        if self._child.wait(seconds) != 0:
            raise Failure(f"{self._child.name} failed.\n{self._child.tail()}")

    def stop(self):
        self._child.stop()
