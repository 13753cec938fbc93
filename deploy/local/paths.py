"""paths: where things are in the checkout, and where the programs of others are found."""

import os
import pathlib
import shutil

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
LOCAL = ROOT / "build" / "local"
PACKAGES = LOCAL / "packages"  # Debian packages, unpacked and not installed
KAFKA_JARS = LOCAL / "kafka"
RUN = LOCAL / "run"  # this run's state and logs


class Missing(Exception):
    """A program that is needed is not there; says what to do."""


def monitoring_program(*names):
    """The path of Prometheus, Alertmanager or one of their tools, and the folder to start it in."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found, None
    for name in names:
        unpacked = PACKAGES / "usr" / "bin" / name
        if os.access(unpacked, os.X_OK):
            # The unpacked programs find their templates relative to this folder: see packages.sh.
            return str(unpacked), str(PACKAGES)
    raise Missing(f"{names[0]} is not here. deploy/local/up and tests/run fetch it; run one of them.")
