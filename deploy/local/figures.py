"""figures: what the running stack has done so far, and the four checks of --for."""

import collections
import time

SEVERITIES = ("low", "medium", "high")
_RATE_SECONDS = 5  # readings a second are a mean over this long


def counted(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


class Figures:
    """Asks the service and Slack (or, of the real one, Alertmanager); keeps the last answers of who is silent."""

    def __init__(self, service, slack, alertmanager):
        self._service = service
        self._slack = slack
        self._alertmanager = alertmanager
        self._began = time.monotonic()
        self._history = collections.deque()
        self.scored = 0
        self.anomalies = dict.fromkeys(SEVERITIES, 0)
        self.dead_letters = 0
        self.messages = []  # the stand-in's
        self.sent = self.failed = 0  # to the real Slack

    @property
    def seconds(self):
        return time.monotonic() - self._began

    @property
    def rate(self):
        """Readings a second, of the last seconds."""
        if len(self._history) < 2:
            return 0.0
        (began, first), (ended, last) = self._history[0], self._history[-1]
        return max(0.0, (last - first) / (ended - began)) if ended > began else 0.0

    def read(self):
        samples = self._service.metrics()
        if samples is not None:
            self.scored = int(samples.sum("predictions_total"))
            by_severity = samples.by("alertrond_anomalies_total", "severity")
            self.anomalies = {severity: int(by_severity.get(severity, 0)) for severity in SEVERITIES}
            self.dead_letters = int(samples.sum("alertrond_dead_letters_total"))
            self._history.append((time.monotonic(), self.scored))
            while self._history[-1][0] - self._history[0][0] > _RATE_SECONDS:
                self._history.popleft()
        if self._slack:
            self.messages = self._slack.messages() or self.messages
        else:
            self._read_alertmanager()
        return self

    def _read_alertmanager(self):
        samples = self._alertmanager.metrics()
        if samples is not None:
            self.failed = int(samples.sum("alertmanager_notifications_failed_total", integration="slack"))
            self.sent = int(samples.sum("alertmanager_notifications_total", integration="slack")) - self.failed

    @property
    def slack_said(self):
        """One line about the real Slack, or None with the stand-in."""
        if self._slack:
            return None
        return f"the real Slack took {counted(self.sent, 'message')}, {counted(self.failed, 'attempt')} failed"


def checks(figures, prometheus, spike):
    """[(what, whether, how or why not)]; whether is None for what was not asked for."""
    anomalies = sum(figures.anomalies.values())
    by_severity = ", ".join(f"{number} {severity}" for severity, number in figures.anomalies.items())
    return [
        ("readings flowed", figures.scored > 0, f"{figures.scored} were scored"),
        ("anomalies came out", anomalies > 0, f"{anomalies}: {by_severity}"),
        ("Prometheus scraped them", *_scraped(prometheus)),
        ("a spike reached Slack", *(_delivered(figures) if spike else (None, "no spike was asked for"))),
    ]


def _scraped(prometheus):
    readings = prometheus.number('sum(predictions_total{job="alertrond"})')
    anomalies = prometheus.number('sum(alertrond_anomalies_total{job="alertrond"})')
    if readings and anomalies:
        return True, f"it knows of {readings:.0f} readings and {anomalies:.0f} anomalies"
    up = prometheus.number('up{job="alertrond"}')
    reason = {None: "it has not scraped alertrond yet", 0.0: "alertrond did not answer it"}
    return False, reason.get(up, f"it knows of {readings or 0:.0f} readings and {anomalies or 0:.0f} anomalies")


def _delivered(figures):
    """(whether, how) the alert of a spike was taken."""
    if figures.slack_said:
        return figures.sent > 0, figures.slack_said
    for message in figures.messages:
        attachments = message["payload"].get("attachments") or []
        if message["firing"] and any("AnomalySpike" in one.get("fallback", "") for one in attachments):
            return True, f"{message['title']!r} at {message['at'].split()[1]}"
    return False, f"{counted(len(figures.messages), 'message')} came, none of them a spike's"
