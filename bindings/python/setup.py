"""The part of the build that pyproject.toml can't say: the C library, compiled into the package.

`libalertron` is a link to the library's sources in the repository, and a copy of them in a source distribution. $CC,
$CFLAGS and $LDFLAGS are used where they are set.
"""

import os
import pathlib
import re
import shlex
import subprocess

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

SOURCES = pathlib.Path(__file__).parent / "libalertron"
FLAGS = ["-std=c11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=off"]


def version():
    header = (SOURCES / "alertron.h").read_text(encoding="utf-8")
    return re.search(r'#define ALERTRON_VERSION "(.+)"', header).group(1)


class BuildWithLibrary(build_py):
    """Compiles libalertron.so into the package's folder."""

    def run(self):
        super().run()
        root = pathlib.Path("src" if self.editable_mode else self.build_lib)
        compiler, flags, linking = (shlex.split(os.environ.get(*name)) for name in (("CC", "cc"), ("CFLAGS", ""), ("LDFLAGS", "")))
        sources, library = sorted(map(str, SOURCES.glob("*.c"))), str(root / "alertron/libalertron.so")
        command = [*compiler, *FLAGS, *flags, *sources, "-o", library, *linking]
        print(shlex.join(command))
        try:
            subprocess.run(command, check=True)
        except FileNotFoundError:
            raise SystemExit(f"alertron is built by a C compiler, and there is no {compiler[0]}: install gcc or clang") from None


class WheelOfAnyPython(bdist_wheel):
    """The library knows nothing of Python: one wheel a platform serves every version."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class WithLibrary(Distribution):
    """Platform-dependent, though it has no extension module."""

    def has_ext_modules(self):
        return True


setup(version=version(), distclass=WithLibrary, cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": WheelOfAnyPython})
