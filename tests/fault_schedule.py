"""fault_schedule: what a seed breaks, and when."""

import dataclasses
import random

from fault_kinds import KINDS

SPAN = 10.0  # seconds within which faults begin, and readings are written
APART = 1.0  # seconds between two faults of the same thing


@dataclasses.dataclass
class Fault:
    kind: str
    begin: float  # seconds since the schedule began
    end: float
    seed: int  # of its own choices

    def __str__(self):
        return f"{self.begin:5.1f} s to {self.end:5.1f} s  {self.kind}"


@dataclasses.dataclass
class Schedule:
    seed: int
    brokers: int
    members: int
    faults: list

    @property
    def end(self):
        return max(fault.end for fault in self.faults)

    @property
    def writing(self):
        """Seconds of writing: there must be something to lose after what comes last."""
        last = KINDS[self.faults[-1].kind].place == "last"
        return self.end + APART + 2 if last else SPAN


def draw(seed, brokers):
    """The schedule of a seed: its first fault goes through the kinds in turn, so that every row of seeds has all."""
    choice = random.Random(f"{seed} {brokers}")
    known = [name for name, kind in KINDS.items() if brokers in kind.brokers]
    names = [known[seed % len(known)]] + [choice.choice(known) for _ in range(choice.randint(2, 4))]
    # What comes last is drawn last; and it comes once.
    names = sorted(dict.fromkeys(names), key=lambda name: ("first", "", "last").index(KINDS[name].place))
    free, faults = {}, []
    for name in names:
        fault = _place(choice, KINDS[name], free, faults)
        if fault:
            faults.append(fault)
    return Schedule(seed, brokers, choice.randint(1, 3), sorted(faults, key=lambda fault: fault.begin))


def _place(choice, kind, free, faults):
    """A fault of this kind when all that it touches is whole; None where that is too late."""
    begin = 0.0 if kind.place == "first" else choice.uniform(0.5, SPAN - 2)
    if kind.place == "last" and faults:
        begin = max(fault.end for fault in faults) + APART
    begin = max([begin] + [free.get(thing, 0.0) for thing in kind.busy])
    if begin > SPAN and faults:
        return None
    end = begin + choice.uniform(*kind.seconds)
    for thing in kind.busy:
        free[thing] = end + APART
    return Fault(kind.name, round(begin, 1), round(end, 1), choice.randrange(1 << 32))
