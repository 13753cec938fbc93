"""service_report: the tables of the benchmark of the service, and its aims."""

import statistics

import service_sides as sides
from machine import print_grid

MIB = 1 << 20
BARE, OURS, LOOP = "bare consumer", "alertrond", "bare loop"


def rate_text(value: float) -> str:
    return f"{value / 1e6:.2f}M/s" if value >= 1e6 else f"{value:,.0f}/s"


def ns_text(seconds: float) -> str:
    return f"{1e9 * seconds:,.0f} ns"


def mib_text(value: float) -> str:
    return f"{value / MIB:,.0f} MiB"


def print_throughput(found: dict) -> None:
    lines = []
    for share in (name for name in found["throughput"] if name.endswith("%") and " " not in name):
        sides_of = found["throughput"][share]
        base = sides_of[BARE]
        for side, figures in sides_of.items():
            best, least = max(figures.rate), min(figures.cpu)
            lines.append(
                [
                    f"{side}, {share}",
                    f"{rate_text(best)} / {rate_text(statistics.median(figures.rate))}",
                    f"{best / max(base.rate):.2f}",
                    f"{ns_text(least)} / {ns_text(statistics.median(figures.cpu))}",
                    f"{least / min(base.cpu):.2f}",
                    mib_text(max(figures.memory)),
                ]
            )
    made = found["throughput"]["generator"]
    lines.append(["alertrond generate", rate_text(max(made.rate)), "", ns_text(min(made.cpu)), "", ""])
    head = ["", "best / median", "of bare", "CPU least / median", "of bare", "memory peak"]
    print_grid(f"Working off {found['count']:,} readings, {found['rounds']} rounds", head, lines)


def p99(found: dict, rate: int, side: str) -> float:
    return min(quantiles["p99"] for quantiles in found["latency"][rate][side])


def print_latency(found: dict) -> None:
    lines = []
    for rate, both in found["latency"].items():
        for side, rounds in both.items():
            best = min(rounds, key=lambda quantiles: quantiles["p99"])
            cells = [f"{best[name]:.2f}" for name in ("p50", "p90", "p99", "p999", "max")]
            middle = statistics.median(quantiles["p99"] for quantiles in rounds)
            lines.append([f"{side}, {rate:,}/s", *cells, f"{middle:.2f}", f"{best['late']:.2f}", f"{best['came']:.0f}"])
    title = f"From a reading's due time to its anomaly, ms; both sides linger {sides.linger()} ms, 8% anomalous"
    print_grid(title, ["", "p50", "p90", "p99", "p99.9", "max", "median p99", "pacer late", "anomalies"], lines)


def print_stages(found: dict) -> None:
    profile = found["profile"]
    if "why not" in profile:
        print(f"\nWhere the time goes: not measured: {profile['why not']}")
        return
    total = sum(profile["stages"].values())
    lines = [[stage, ns_text(cost), f"{100 * cost / total:.0f}%"] for stage, cost in profile["stages"].items()]
    lines.append(["all threads", ns_text(total), ""])
    print_grid(f"Where the time goes, a reading, under perf ({rate_text(profile['rate'])})", ["", "CPU", ""], lines)


def aims(found: dict) -> list[dict]:
    """What the project wants, what was measured (None: was not), and how both are told."""
    one = found["throughput"]["1%"]
    both = [found["throughput"][share] for share in ("1%", "8%")]
    listed = []
    for share, figures in zip(("1%", "8%"), both):
        ratio = max(figures[OURS].rate) / max(figures[BARE].rate)
        cost = min(figures[OURS].cpu) / min(figures[BARE].cpu)
        listed += [
            (f"readings/s of the bare consumer's, {share} anomalous", "at least", 0.5, ratio, "{:.2f}x".format),
            (f"readings/s, {share} anomalous", "at least", 1e6, max(figures[OURS].rate), rate_text),
            (f"CPU a reading of the bare consumer's, {share} anomalous", "at most", 2, cost, "{:.2f}x".format),
        ]
    for rate in found["latency"]:
        ratio = p99(found, rate, OURS) / p99(found, rate, LOOP)
        listed.append((f"p99 at {rate:,} readings/s of the bare loop's", "at most", 1.5, ratio, "{:.2f}x".format))
    own = found["readiness"]["own"]
    listed += [
        ("memory at rest", "at most", 64 * MIB, min(found["readiness"]["at rest"]), mib_text),
        ("ready, group join aside", "at most", 0.2, min(own) if own else None, "{:.3f} s".format),
        ("devices with series of their own", "at least", 99_000, found["devices"]["devices"], "{:,}".format),
        ("/ingest, one core of ours", "at least", 30_000, found["ingest"].get("rate"), rate_text),
        ("generate --rate max into Kafka", "at least", 1e6, max(found["throughput"]["generator"].rate), rate_text),
    ]
    names = ("aim", "sense", "bound", "measured", "text")
    two = max(one[OURS].rate) / max(one[f"{BARE}, 2 handles"].rate)
    listed += [
        ("for comparison: readings/s of the bare consumer's with 2 handles", "", None, two, "{:.2f}x".format),
        ("memory under full load", "", None, max(one[OURS].memory), mib_text),
    ]
    return [dict(zip(names, row)) | told(row) for row in listed]


def told(row: tuple) -> dict:
    _, sense, bound, measured, text = row
    said = {"text": "not measured" if measured is None else text(measured), "bound_text": "", "met": None}
    if bound is not None:
        said["bound_text"] = f"{sense} {text(bound)}"
        if measured is not None:
            said["met"] = measured >= bound if sense == "at least" else measured <= bound
    return said


def print_aims(found: dict) -> None:
    said = {True: "met", False: "NOT MET", None: ""}
    lines = [[aim["aim"], aim["bound_text"], aim["text"], said[aim["met"]]] for aim in aims(found)]
    print_grid("Aims", ["", "aim", "measured", ""], lines)


def print_others(found: dict) -> None:
    ready, devices = found["readiness"], found["devices"]
    lines = [
        ["ready after its start, group join included", f"{min(ready['ready']):.3f} s"],
        [f"{devices['devices']:,} devices: readings", f"{rate_text(devices['rate'])}, {ns_text(devices['cpu'])} each"],
        ["  memory peak", mib_text(devices["memory"])],
        ["  a scrape", f"{1e3 * devices['scrape']:.0f} ms, {devices['bytes'] / 1e6:.1f} MB"],
        ["POST /ingest", found["ingest"].get("why not") or rate_text(found["ingest"]["rate"])],
    ]
    print_grid("Beside that", ["", "measured"], lines)


def print_all(head: dict, found: dict) -> None:
    print(f"\ndate      {head['date']}, commit {head['commit']}")
    print(f"machine   {head['cpu']}, {head['cpus']} CPUs, shared with Kafka, {head['system']}")
    if head["load"] > 0.5:
        print(f"WARNING   the machine was busy (load {head['load']:.1f}), and so are rates and latencies")
    print_throughput(found)
    print_latency(found)
    print_stages(found)
    print_others(found)
    print_aims(found)
