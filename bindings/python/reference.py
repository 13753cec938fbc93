"""Writes docs/python.md, the reference, from the docstrings and signatures of the installed package.

    python bindings/python/reference.py            writes the page
    python bindings/python/reference.py --check    says whether it is current; exit status 1 where it isn't
"""

import enum
import importlib
import inspect
import pathlib
import re
import sys

MODULES = ["alertron", "alertron.sklearn", "alertron.testing"]
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "python.md"
WIDTH = 100  # a longer signature takes a line a parameter

HEAD = """# Python

This page is written by `bindings/python/reference.py` from what `help(alertron)` shows. How to install:
[bindings/python](../bindings/python/README.md).
"""


class Plain:
    """An annotation that shows as it was written."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def plain(annotation):
    return annotation if annotation is inspect.Parameter.empty else Plain(str(annotation))


def signature(name, function):
    """`name(...) -> result` as it stands in the source."""
    try:
        given = inspect.signature(function)
    except ValueError:
        return name
    parameters = [p.replace(annotation=plain(p.annotation)) for p in given.parameters.values() if p.name != "self"]
    line = name + str(given.replace(parameters=parameters, return_annotation=plain(given.return_annotation)))
    if len(line) <= WIDTH:
        return line
    shown = [str(p) for p in parameters]
    first_keyword = next((i for i, p in enumerate(parameters) if p.kind is p.KEYWORD_ONLY), None)
    if first_keyword is not None:
        shown.insert(first_keyword, "*")
    return f"{name}(\n" + "".join(f"    {parameter},\n" for parameter in shown) + f") -> {given.return_annotation}"


def markdown(text):
    """A docstring in NumPy's style as Markdown: sections in bold, their entries as lists."""
    lines, out, in_list = text.splitlines(), [], False
    for i, line in enumerate(lines):
        if re.fullmatch(r"-{3,}", line):
            continue
        if i + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[i + 1]):
            in_list = line not in ("Examples", "Notes")
            out += [f"**{line}**", ""]
        elif in_list and line and not line.startswith(" "):
            name, colon, kind = line.partition(" : ")
            more = i + 1 < len(lines) and lines[i + 1].startswith(" ")
            out.append(f"- `{name}`: {kind}{'.' * more}" if colon else f"- {line}{':' * more}")
        elif in_list:
            out.append(f"  {line.strip()}".rstrip())
        else:
            out.append(line)
    return "\n".join(out)


def own_classes(kind):
    """The class and those it inherits from, as far as they are ours."""
    return [one for one in kind.__mro__ if one.__module__.split(".")[0] == "alertron"]


def members(kind):
    """(name, member) of the public methods and properties, in the order of the source."""
    found = {}
    for one in own_classes(kind):
        for name, member in vars(one).items():
            if not name.startswith("_") and isinstance(member, (staticmethod, property)) or inspect.isfunction(member):
                found.setdefault(name, member)
    return [(name, member) for name, member in found.items() if not name.startswith("_")]


def page_of_member(name, member):
    if isinstance(member, property):
        result = member.fget.__annotations__.get("return", "")
        return [f"#### {name}", "", f"```python\n{name}: {result}\n```", "", markdown(inspect.getdoc(member)), ""]
    function = member.__func__ if isinstance(member, staticmethod) else member
    return [f"#### {name}", "", f"```python\n{signature(name, function)}\n```", "", markdown(inspect.getdoc(function)), ""]


def page_of_class(name, kind):
    text = inspect.getdoc(kind)
    out = [f"### {name}", ""]
    if "Parameters\n" in text:
        out += [f"```python\n{signature(name, kind.__init__).replace(' -> None', '')}\n```", ""]
    out += [markdown(text), ""]
    if issubclass(kind, enum.Enum):
        out += ["".join(f"- `{name}.{one.name}` = {one.value}\n" for one in kind)]
    for member_name, member in members(kind):
        out += page_of_member(f"{kind.__name__}.{member_name}", member)
    return out


def page_of_errors(module, names):
    """The kinds of an error differ in little: a table."""
    out = ["| Error | status | |", "|---|---|---|"]
    for name in names:
        kind = getattr(module, name)
        out.append(f"| `{module.__name__}.{name}` | {kind.status} | {' '.join(inspect.getdoc(kind).split())} |")
    return [*out, ""]


def page_of_module(module):
    out = [f"## {module.__name__}", "", f"```text\n{inspect.getdoc(module)}\n```", ""]
    errors = []
    for name in module.__all__:
        item = getattr(module, name)
        if inspect.isfunction(item):
            out += [f"### {module.__name__}.{name}", "", f"```python\n{signature(module.__name__ + '.' + name, item)}\n```", ""]
            out += [markdown(inspect.getdoc(item)), ""]
        elif issubclass(item, Exception) and item.__base__ is not Exception:
            errors.append(name)
        else:
            out += page_of_class(f"{module.__name__}.{name}", item)
    return out + (page_of_errors(module, errors) if errors else [])


def page():
    parts = [HEAD]
    for name in MODULES:
        parts += page_of_module(importlib.import_module(name))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def main():
    if sys.argv[1:] == ["--check"]:
        if PAGE.read_text(encoding="utf-8") != page():
            sys.exit(f"{PAGE} is not current: write it again with {__file__}")
    else:
        PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
