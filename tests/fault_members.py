"""fault_members: the instances of alertrond that a schedule breaks, restarted as a supervisor would."""

import signal

from process import Failure, free_port, http_get
from service import Service

# Sessions and silent connections end within seconds, so that a schedule needs no longer.
PROPERTIES = {
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 1000,
    "socket.timeout.ms": 6000,
    "reconnect.backoff.max.ms": 1000,
    "topic.metadata.refresh.interval.ms": 2000,
}
OPTIONS = [word for name, value in PROPERTIES.items() for word in ("-X", f"{name}={value}")]
SUPERVISED = (1,)  # the Kafka client could not go on: "the process ends with status 1; start it again"


class Member:
    """One instance. `down` while a fault keeps it from running."""

    def __init__(self, name, program, model, directory, bootstrap, env):
        folder = directory / name
        folder.mkdir(parents=True)
        self.name, self.down, self.problems, self.restarts = name, False, [], 0
        self.service = Service(program, folder, model, bootstrap, free_port(), env, OPTIONS)
        self.child = self.service.children[0]

    def start(self):
        self.down = False
        self.service.start()

    def kill(self):
        self.down = True
        self.service.kill()

    def signal(self, number):
        self.child.signal(number)

    def tell(self):
        """SIGTERM."""
        self.down = True
        self.child.signal(signal.SIGCONT)
        self.child.signal(signal.SIGTERM)

    def end(self):
        """Its exit status, when it has ended as it was told; it may be 1 where outputs were not acknowledged in time."""
        if not self.down:
            self.tell()
        try:
            status = self.child.wait(40)
        except Failure as failure:
            self.problems.append(f"{self.name} was told to end: {failure}")
            self.child.kill()
            return None
        if status not in (0, 1):
            self.problems.append(f"{self.name} ended with status {status} when told to")
        return status

    def supervise(self):
        """Starts it again where it has ended by itself, which it may with status 1 only. True if so."""
        if self.down or self.child.running:
            return False
        if self.child.status not in SUPERVISED:
            self.problems.append(f"{self.name} ended by itself, with status {self.child.status}\n{self.child.tail()}")
        self.restarts += 1
        self.service.start()
        return True

    @property
    def ready(self):
        return http_get(f"{self.service.url}/readyz")[0] == 200

    def trouble(self):
        """What it says of itself."""
        return http_get(f"{self.service.url}/readyz")[1].strip()
