"""options: the command line of deploy/local/up, checked. Run as a program it only checks."""

import argparse
import pathlib
import re
import sys


class Parser(argparse.ArgumentParser):
    def error(self, message):
        sys.stderr.write(f"up: {message}\nSee deploy/local/up --help.\n")
        sys.exit(2)


def parse(words):
    """The options; ends the program with status 2 where they are wrong."""
    parser = Parser(prog="up", add_help=False, allow_abbrev=False)
    parser.add_argument("--for", dest="seconds", type=_seconds, metavar="SECONDS")
    parser.add_argument("--kafka", action="store_true")
    parser.add_argument("--bootstrap", type=_bootstrap, metavar="HOST:PORT")
    parser.add_argument("--model", type=_file, metavar="FILE")
    parser.add_argument("--slack-webhook-file", type=_webhook_file, metavar="FILE")
    parser.add_argument("--no-generator", action="store_true")
    parser.add_argument("--no-spike", action="store_true")
    options = parser.parse_args(words)
    if options.kafka and options.bootstrap:
        parser.error("--kafka starts a broker and --bootstrap names yours: give one of them")
    options.spike = not (options.no_spike or options.no_generator)
    return options


def _seconds(word):
    try:
        seconds = float(word)
    except ValueError:
        seconds = 0
    if not 1 <= seconds <= 1e6:
        raise argparse.ArgumentTypeError(f"{word!r} is no number of seconds from 1 to 1,000,000")
    return seconds


def _bootstrap(word):
    if not re.fullmatch(r"[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*|\[[0-9a-fA-F:.]+\]:\d{1,5}", word):
        raise argparse.ArgumentTypeError(f"{word!r} is not HOST:PORT, nor a list of them with commas")
    for port in re.findall(r":(\d+)(?:,|$)", word):
        if not 1 <= int(port) <= 65535:
            raise argparse.ArgumentTypeError(f"{word!r} has no port from 1 to 65535: {port}")
    return word


def _file(word):
    """An absolute path: relative ones are the caller's, and what is started runs elsewhere."""
    path = pathlib.Path(word).expanduser().absolute()
    try:
        with open(path, "rb"):
            return path
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{word}: {error.strerror}") from None


def _webhook_file(word):
    path = _file(word)
    if not re.fullmatch(rb"https?://\S+", path.read_bytes()[:4096].strip()):
        raise argparse.ArgumentTypeError(f"{word} does not hold one line with the URL of an incoming webhook")
    return path


if __name__ == "__main__":
    parse(sys.argv[1:])
