"""view: what the user sees: the steps of starting, and the live view."""

import shutil
import sys
import time

from figures import SEVERITIES, counted

_SPARKS = " ▁▂▃▄▅▆▇█"
_BOLD, _DIM, _RED, _GREEN, _YELLOW, _PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[0m"
_COLORS = {"low": _DIM, "medium": _YELLOW, "high": _RED}


class Steps:
    """One line a step, with its duration; on a terminal the line is alive while the step runs."""

    def __init__(self):
        self._terminal = sys.stdout.isatty()
        self._name = None

    def begin(self, name):
        self._name, self._began = name, time.monotonic()
        if self._terminal:
            self.progress("")

    def progress(self, text):
        """Shows how far the step is; waits a moment, so that it can be called in a loop."""
        if self._terminal:
            self._line(f"  {self._name} {text}", end="")
        time.sleep(0.1)

    def end(self, text=""):
        seconds = time.monotonic() - self._began
        self._line(f"  {self._name:<44} {f'{seconds:.0f} s' if seconds >= 1 else 'ok'}{text and '  ' + text}")

    def _line(self, text, end="\n"):
        sys.stdout.write(("\r\033[K" if self._terminal else "") + text + end)
        sys.stdout.flush()


class View:
    """Redraws in place on a terminal, about twice a second; elsewhere writes a line every few seconds."""

    def __init__(self, places, notes):
        """`places` are [(name, where to look)], `notes` lines of what else to know."""
        self._terminal = sys.stdout.isatty()
        self._about = [f"  {name:<14}{where}" for name, where in places] + [f"  {note}" for note in notes]
        if not self._terminal:
            print("\n".join(self._about))
        self._lines_shown = 0
        self._next_plain = 0
        self._rates = []

    def show(self, figures, until, spike):
        """`until`: seconds when it ends by itself, or None; `spike`: what the next one's line says."""
        if self._terminal:
            self._redraw(self._frame(figures, until, spike))
        elif figures.seconds >= self._next_plain:
            self._next_plain = figures.seconds + 5
            print(self._plain(figures), flush=True)

    def _redraw(self, lines):
        columns, rows = shutil.get_terminal_size()
        lines = [_cut(line, columns - 1) for line in lines[: rows - 1]]
        up = f"\033[{self._lines_shown}F" if self._lines_shown else ""
        sys.stdout.write(up + "".join(f"{line}\033[K\n" for line in lines) + "\033[J")
        sys.stdout.flush()
        self._lines_shown = len(lines)

    def _frame(self, figures, until, spike):
        self._rates = (self._rates + [figures.rate])[-60:]
        anomalies = sum(figures.anomalies.values())
        share = f"{100 * anomalies / figures.scored:.1f}% of all readings" if figures.scored else ""
        severities = "   ".join(f"{_COLORS[name]}{name} {figures.anomalies[name]}{_PLAIN}" for name in SEVERITIES)
        letters = f"{_YELLOW}{figures.dead_letters}{_PLAIN}" if figures.dead_letters else "0"
        left = f", ends in {max(0, until - figures.seconds):.0f} s" if until else ""
        lines = ["", f"{_BOLD}Alertron{_PLAIN} on this machine, for {_clock(figures.seconds)}{left}. Ctrl-C stops it all.", ""]
        lines += [f"  {'readings':<14}{figures.rate:6.1f} a second   {figures.scored} in all   {_sparkline(self._rates)}"]
        lines += [f"  {'anomalies':<14}{severities}   {_DIM}{share}{_PLAIN}"]
        lines += [f"  {'dead letters':<14}{letters}", f"  {'next spike':<14}{spike}", ""]
        lines += _slack(figures)
        return lines + self._about

    def _plain(self, figures):
        severities = " ".join(f"{name} {number}" for name, number in figures.anomalies.items())
        last = f"  Slack: {figures.messages[-1]['title']}" if figures.messages else ""
        return (
            f"{figures.seconds:4.0f} s  {figures.rate:6.1f} readings/s  {figures.scored} scored  anomalies {severities}"
            f"  dead letters {figures.dead_letters}{last}"
        )


def _slack(figures):
    """The last message as Slack shows it: a coloured bar, title and text."""
    if figures.slack_said:
        return [f"  {'Slack':<14}{figures.slack_said}", ""]
    messages = figures.messages
    if not messages:
        return [f"  {'Slack':<14}{_DIM}no message yet{_PLAIN}", ""]
    last = messages[-1]
    color = _RED if last["firing"] else _GREEN
    time_of_day = last["at"].split()[1]
    count = f"{counted(len(messages), 'message')}, the last at {time_of_day}:"
    lines = [f"  {'Slack':<14}{_DIM}{count}{_PLAIN}", f"    {color}▌{_PLAIN} {_BOLD}{_printable(last['title'])}{_PLAIN}"]
    lines += [f"    {color}▌{_PLAIN} {_printable(line)}" for line in last["text"].splitlines()[:6]]
    return lines + [""]


def _printable(text):
    """Without control characters, which would steer the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _sparkline(rates):
    most = max(rates, default=0)
    if most <= 0:
        return ""
    return "".join(_SPARKS[min(8, int(8 * rate / most + 0.5))] for rate in rates[::2])


def _clock(seconds):
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _cut(line, columns):
    """The line cut to so many visible characters; colours take no room and are ended."""
    kept, visible, at = [], 0, 0
    while at < len(line):
        if line[at] == "\033":
            end = line.index("m", at) + 1
            kept.append(line[at:end])
            at = end
            continue
        if visible < columns:
            kept.append(line[at])
            visible += 1
        at += 1
    return "".join(kept)
