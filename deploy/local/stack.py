"""stack: deploy/local/up once the packages are there: builds, starts everything, shows it, stops everything."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import sys
import time

import figures as figures_room
import monitoring
import options as options_room
import paths
import service as service_room
from broker import KAFKA_VERSION, EmbeddedBroker, Kafka, reach
from process import Failure, free_port
from view import Steps, View

SPIKE_FIRST_SECONDS = 15
SPIKE_EVERY_SECONDS = 240
# At once: rules that see half of it, before the device is wild by its own readings, take it for the fleet's.
SPIKE = {"rate": 400, "anomalies": 1, "count": 150, "device": "edge-3"}
STEADY = {"rate": 10, "anomalies": 0.08}


class Interrupted(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal; an end like any other, so not an Exception."""


class Stack:
    """Everything that was started, and what it was started with."""

    def __init__(self, options, directory, steps):
        self.options = options
        self.directory = directory
        self.steps = steps
        self.parts = []  # in the order of their start
        self.slack = None
        self.service_options = []
        # Settings in the environment are meant for the user's own Kafka, and would only disturb ours.
        self._env = dict(os.environ) if options.bootstrap else service_room.clean_environment()
        self._env.setdefault("KAFKA_GROUP_ID", "alertron-local")
        self._topic = self._env.get("KAFKA_READINGS_TOPIC", "readings")

    def start(self):
        if self.options.bootstrap:
            self._step("your broker", lambda: reach(self.options.bootstrap))
        self.program = self._program()
        model = self._model()
        self._start_broker()
        self._start_slack()
        self._start_monitoring()
        self._start_service(model)
        if not self.options.no_generator:
            self._step("synthetic devices", self.generator("generator", **STEADY).start)

    def generator(self, name, **rates):
        made = service_room.Generator(
            self.program, self.directory, self.bootstrap, name, env=self._env, topic=self._topic, **rates
        )
        self.parts.append(made)
        return made

    def check(self):
        """Failure where something has ended that should run; a spike ends by itself."""
        for part in self.parts:
            for child in part.children:
                if child.name != "the spike" or child.status:
                    child.check()

    def stop(self):
        """In reverse, so that the service finishes what it holds while its broker is there."""
        for part in reversed(self.parts):
            part.stop()

    def kill(self):
        for part in self.parts:
            for child in part.children:
                child.kill()

    def _program(self):
        if os.environ.get("ALERTROND"):
            program = pathlib.Path(os.environ["ALERTROND"]).absolute()
            if not (program.is_file() and os.access(program, os.X_OK)):
                raise Failure(f"ALERTROND={program} is no program. Without it, alertrond is built here.")
            return program
        self.steps.begin("building alertrond")
        program = service_room.build(self.directory / "build.log", self.steps.progress)
        self.steps.end()
        return program

    def _model(self):
        if not self.options.no_generator:
            self.service_options += ["--model-feature-names", "temperature, pressure, vibration"]
        if not self.options.model:
            self.service_options += self._step("calibrating", lambda: service_room.calibrate(self.program, self.directory))
            return self._step("training a model", lambda: service_room.train(self.program, self.directory))
        features = self._step("reading the model", lambda: service_room.model_features(self.program, self.options.model))
        if features != 3 and not self.options.no_generator:
            raise Failure(
                f"{self.options.model} takes {features} features, and the synthetic devices send 3.\n"
                "Start with --no-generator and send it readings of your own."
            )
        return self.options.model

    def _start_broker(self):
        if self.options.bootstrap:
            self.bootstrap = self.options.bootstrap
            return
        if self.options.kafka:
            broker = Kafka(self.directory)
            self._start(f"Apache Kafka {KAFKA_VERSION}", broker)
        else:
            broker = EmbeddedBroker(self.program, self.directory)
            self.service_options += broker.service_options
            self._start("the embedded broker", broker)
        self.bootstrap = broker.bootstrap

    def _start_slack(self):
        self.webhook_file = self.options.slack_webhook_file
        if not self.webhook_file:
            self.slack = monitoring.Slack(self.directory, free_port(9099))
            self.webhook_file = self.slack.webhook_file
            self._start("the Slack stand-in", self.slack)

    def _start_monitoring(self):
        self.service_port, alertmanager_port = free_port(8000), free_port(9093)
        watchdog = self.slack and self.slack.watchdog
        self.alertmanager = monitoring.Alertmanager(self.directory, alertmanager_port, self.webhook_file, watchdog=watchdog)
        self.prometheus = monitoring.Prometheus(self.directory, free_port(9090), self.service_port, alertmanager_port)
        self._start("Alertmanager", self.alertmanager, self.alertmanager.await_ready)
        self._start("Prometheus", self.prometheus, self.prometheus.await_ready)

    def _start_service(self, model):
        self.service = service_room.Service(
            self.program, self.directory, model, self.bootstrap, self.service_port, self._env, self.service_options
        )
        self._start("alertrond", self.service, self.service.await_ready)

    def _start(self, name, part, then=None):
        # Known before it starts, so that an interrupt in the middle of it stops it too.
        self.parts.append(part)
        self._step(name, lambda: (part.start(), then and then()))

    def _step(self, name, work):
        self.steps.begin(name)
        result = work()
        self.steps.end()
        return result


class Spikes:
    """A burst of anomalies from one device, soon after the start and then every few minutes."""

    def __init__(self, stack):
        self._stack = stack
        seconds = stack.options.seconds
        self._next = min(SPIKE_FIRST_SECONDS, seconds / 3) if seconds else SPIKE_FIRST_SECONDS
        self._now = None

    def tend(self, seconds):
        """Starts one when it is due. Returns the view's line about it."""
        if not self._stack.options.spike:
            return "none"
        if self._now and not self._now.children[0].running:
            self._stack.parts.remove(self._now)
            self._now = None
        if seconds >= self._next:
            self._next += SPIKE_EVERY_SECONDS
            self._now = self._stack.generator("spike", **SPIKE).start()
        if self._now:
            return f"now: {SPIKE['device']} sends {SPIKE['count']} anomalies"
        left = self._next - seconds
        return f"in {left:.0f} s, then every {SPIKE_EVERY_SECONDS // 60} minutes: {SPIKE['count']} anomalies from {SPIKE['device']}"


def places(stack):
    """Where to look, for the view."""
    if stack.options.bootstrap:
        kind = "yours"
    else:
        kind = f"Apache Kafka {KAFKA_VERSION}" if stack.options.kafka else "embedded, in memory"
    return [
        ("status page", f"{stack.service.url}/{taken(stack.service.url, 8000)}"),
        ("metrics", f"{stack.service.url}/metrics"),
        ("Prometheus", f"{stack.prometheus.url}/{taken(stack.prometheus.url, 9090)}"),
        # Debian's Alertmanager has no pages.
        ("Alertmanager", f"{stack.alertmanager.url}/api/v2/alerts{taken(stack.alertmanager.url, 9093)}"),
        ("Slack", f"{stack.slack.url}/  (a stand-in){taken(stack.slack.url, 9099)}" if stack.slack else "the real one"),
        ("broker", f"{stack.bootstrap}  ({kind})"),
        ("logs", shown_path(stack.directory)),
    ]


def taken(url, port):
    """Says why a place has another port than the usual one."""
    return "" if url.endswith(f":{port}") else f"  (port {port} is taken)"


def notes(stack):
    """What the user should know besides."""
    said = []
    if stack.options.bootstrap and not stack.options.no_generator:
        said.append(f"Synthetic readings are written to {stack.bootstrap}, which is yours.")
    if stack.options.no_generator:
        said.append("No synthetic readings: it waits for yours.")
    return said


def shown_path(path):
    try:
        return str(path.relative_to(pathlib.Path.cwd()))
    except ValueError:
        return str(path)


def watch(stack):
    """The live view, until it is time or Ctrl-C. Returns the figures."""
    figures = figures_room.Figures(stack.service, stack.slack, stack.alertmanager)
    view, spikes = View(places(stack), notes(stack)), Spikes(stack)
    until = stack.options.seconds
    while not until or figures.seconds < until:
        view.show(figures.read(), until, spikes.tend(figures.seconds))
        stack.check()
        time.sleep(0.5)
    return figures.read()


def judge(stack, figures):
    """Prints the checks of --for; whether none failed."""
    results = figures_room.checks(figures, stack.prometheus, stack.options.spike)
    print()
    for what, passed, why in results:
        word = "skipped" if passed is None else "ok" if passed else "FAILED"
        print(f"  {word:<8} {what}: {why}")
    return all(passed is not False for _, passed, _ in results)


@contextlib.contextmanager
def alone():
    """Holds the checkout's lock; SystemExit where another `up` has it."""
    paths.LOCAL.mkdir(parents=True, exist_ok=True)
    with open(paths.LOCAL / "lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            sys.exit(f"Another deploy/local/up runs in this checkout (process {pid}). Ctrl-C there, or kill {pid}, ends it.")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def fresh_directory():
    """An empty folder for this run; the one before is kept as .old."""
    old = paths.RUN.with_name("run.old")
    if paths.RUN.exists():
        shutil.rmtree(old, ignore_errors=True)
        paths.RUN.rename(old)
    paths.RUN.mkdir(parents=True)
    return paths.RUN


def interrupt(_number, _frame):
    raise Interrupted


def handle_signals(handler):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def run(options):
    """Exit status: 0 fine, 1 not, 130 interrupted before all had started, or before it could be judged."""
    stack = Stack(options, fresh_directory(), Steps())
    status = 130
    try:
        handle_signals(interrupt)
        print("Starting Alertron on this machine.", flush=True)
        stack.start()
        status = 130 if options.seconds else 0
        figures = watch(stack)
        status = 0 if not options.seconds or judge(stack, figures) else 1
    except Interrupted:
        print("\nStopping.", flush=True)
    except BrokenPipeError:
        # Whoever read the view has gone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (Failure, paths.Missing) as failure:
        status = 1
        print(f"\n{failure}", file=sys.stderr, flush=True)
    finally:
        stop(stack)
    return status


def stop(stack):
    """Stops what runs; a second Ctrl-C does not wait any more."""
    try:
        handle_signals(interrupt)
        last = None
        if hasattr(stack, "service") and stack.service.metrics():
            last = figures_room.Figures(stack.service, stack.slack, stack.alertmanager).read()
        stack.stop()
    except Interrupted:
        handle_signals(signal.SIG_IGN)
        stack.kill()
        print(f"\nAll killed. The logs are in {shown_path(stack.directory)}.", flush=True)
        return
    if last:
        severities = ", ".join(f"{number} {severity}" for severity, number in last.anomalies.items())
        print(f"Scored {last.scored} readings; anomalies: {severities}; dead letters: {last.dead_letters};", end=" ")
        print(f"{last.slack_said or f'messages to Slack: {len(last.messages)}'}.")
    print(f"All stopped. The logs are in {shown_path(stack.directory)}.", flush=True)


def main():
    options = options_room.parse(sys.argv[1:])
    with alone():
        sys.exit(run(options))


if __name__ == "__main__":
    main()
