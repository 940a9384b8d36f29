# SPDX-License-Identifier: MIT
"""Examples of the manual pages: what a reader types and writes."""

import pathlib
import re

ESCAPES = {"\\-": "-", "\\e": "\\", "\\&": "", "\\(dq": '"'}


def displays(page):
    """What the page shows as it is to be typed."""
    text = pathlib.Path(page).read_text()
    for display in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", text, re.DOTALL | re.MULTILINE):
        yield re.sub(r"\\(-|e|&|\(dq)", lambda found: ESCAPES[found.group()], display)


def files(page, first):
    """The files of a display that holds nothing else, with "# NAME" before the text of each; by the name of
    the first."""
    (display,) = [text for text in displays(page) if text.startswith(f"# {first}\n")]
    _, *pieces = re.split(r"^# (\S+)\n", display, flags=re.MULTILINE)
    return dict(zip(pieces[::2], pieces[1::2]))


def commands(page, prompt):
    """What is typed after this prompt."""
    return [line.removeprefix(prompt).strip() for text in displays(page) for line in text.splitlines()
            if line.startswith(f"{prompt} ")]


class Example:
    """A display that has "# COMMAND" in some lines, and "# /PATH" before the text of each file."""

    def __init__(self, page, line):
        (display,) = [text for text in displays(page) if f"# {line}\n" in text]
        self.commands = []
        self.files = {}
        path = None
        for line in display.splitlines(keepends=True):
            if line.startswith("# /"):
                path = line[2:].strip()
                self.files[path] = ""
            elif path:
                self.files[path] += line
            elif line.startswith("# "):
                self.commands.append(line[2:])

    def script(self):
        """For a shell: does all of it."""
        files = [f"mkdir -p {pathlib.Path(path).parent} && cat >{path} <<'END'\n{text}END\n"
                 for path, text in self.files.items()]
        return "set -e\n" + "".join(self.commands + files)
