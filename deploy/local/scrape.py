"""scrape: reads what /metrics answers (the Prometheus text format)."""

import re

from process import http_get

_sample = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\S+)?")
_label = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_escape = re.compile(r"\\(.)")


class Samples(list):
    """[(name, {label: value}, number)]"""

    def sum(self, name, **labels):
        """The sum of a name's samples that carry these labels; 0 where there is none."""
        return sum(
            number
            for sample, carried, number in self
            if sample == name and all(carried.get(label) == value for label, value in labels.items())
        )

    def by(self, name, label):
        """{value of the label: sum}"""
        sums = {}
        for sample, carried, number in self:
            if sample == name and label in carried:
                sums[carried[label]] = sums.get(carried[label], 0) + number
        return sums


def parse(text):
    samples = Samples()
    for line in text.splitlines():
        found = None if line.startswith("#") else _sample.fullmatch(line.strip())
        if found:
            name, labels, number = found.groups()
            samples.append((name, _labels(labels or ""), float(number)))
    return samples


def scrape(url):
    """The samples at a URL, or None where it does not answer."""
    status, body = http_get(url)
    return parse(body) if status == 200 else None


def _labels(text):
    return {name: _escape.sub(lambda m: "\n" if m[1] == "n" else m[1], value) for name, value in _label.findall(text)}
