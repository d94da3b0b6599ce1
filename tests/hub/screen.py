"""What a person sees: a shell on a pseudo terminal, and as much of a screen as the program's output needs."""

import os
import pathlib
import re
import select
import sys
import time
import types

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from terminal import Terminal

PROMPT = "$ "
PIECE = re.compile(r"\x1b\[(?P<number>\d*)(?P<move>[AJK])|\x1b\[[\d;]*m|(?P<text>[^\x00-\x1f\x7f]+)|(?P<control>[\r\n])")


class Screen:
    """Rows of so many columns that scroll for ever. Of control sequences it knows up, clear, colour; others are a failure."""

    def __init__(self, columns):
        self.columns = columns
        self.rows, self.continued = [""], {0: False}  # `continued`: the row goes on with the one above, at the edge
        self.row = self.column = 0
        self.top = 0  # where the progress that is shown now begins
        self.rest = b""

    def feed(self, data):
        data = (self.rest + data).replace(b"\r\n", b"\n")
        # A sequence, a character or a line's end may come in two parts.
        end = re.search(rb"(\r|\x1b[^A-Za-z]*|[\xc0-\xff][\x80-\xbf]{0,2})?\Z", data).start()
        text, self.rest = data[:end].decode(), data[end:]
        while text:
            piece = PIECE.match(text)
            assert piece, f"control bytes reach the terminal: {text[:40]!r}"
            text = text[piece.end() :]
            if piece["control"]:
                self.column = 0
                self.row += piece["control"] == "\n"
                self.grow()
            elif piece["text"]:
                for character in piece["text"]:
                    self.put(character)
            elif piece["move"] == "A":
                self.row -= int(piece["number"] or 1)
                assert self.row >= 0
            elif piece["move"]:
                self.erase(piece["move"] == "J")

    def grow(self):
        while len(self.rows) <= self.row:
            self.continued[len(self.rows)] = False
            self.rows.append("")

    def put(self, character):
        if self.column == self.columns:
            self.row, self.column = self.row + 1, 0
            self.grow()
            self.continued[self.row] = True
        line = self.rows[self.row].ljust(self.column)
        self.rows[self.row] = line[: self.column] + character + line[self.column + 1 :]
        self.column += 1

    def erase(self, below):
        self.rows[self.row] = self.rows[self.row][: self.column]
        if below:
            del self.rows[self.row + 1 :]
        self.top = self.row

    def lines(self, start=0, stop=None):
        """The rows as lines, those that were broken at the edge put together."""
        found = []
        for number, row in enumerate(self.rows[start:stop], start):
            if self.continued[number] and found:
                found[-1] += row
            else:
                found.append(row)
        return found


class Session:
    """A shell with the program in its PATH; `shown` collects its lines and the pictures taken of its progress."""

    def __init__(self, burin, columns=80):
        tools = burin.home / "bin"
        tools.mkdir(exist_ok=True)
        (tools / "burin").symlink_to(burin.program)
        where = types.SimpleNamespace(path=burin.home, env=burin.env)
        env = {"PATH": f"{tools}:/usr/bin:/bin", "PS1": PROMPT, "TERM": "xterm"}
        self.terminal = Terminal(where, "-i", program="/bin/sh", columns=columns, **env)
        self.screen = Screen(columns)
        self.unread, self.shown, self.taken = [], [], 0
        self.until(self.waits)

    def waits(self):
        """Whether the shell waits for a command."""
        return self.screen.rows[-1] == PROMPT

    def until(self, condition, timeout=30):
        """Reads until the screen is as wanted, and no redraw more."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "\n".join(self.screen.lines()[-30:])
            if self.unread:
                self.screen.feed(self.unread.pop(0))
            elif select.select([self.terminal.fd], [], [], 0.1)[0]:
                self.unread = re.split(rb"(?=\r[^\n])", os.read(self.terminal.fd, 65536))

    def run(self, line, timeout=30):
        """Types a command and waits for its end."""
        self.start(line)
        self.end(timeout)

    def start(self, line):
        row = self.screen.row
        self.terminal.send(line + "\r")
        self.until(lambda: self.screen.row > row)

    def end(self, timeout=30):
        self.until(self.waits, timeout)
        self.take(len(self.screen.rows) - 1)

    def picture(self, text, times=1):
        """Takes down the progress as soon as it holds a text so often."""
        self.until(lambda: sum(text in row for row in self.screen.rows[self.screen.top :]) == times)
        self.take(self.screen.top)
        bars = self.screen.rows[self.screen.top :]
        assert not any(self.screen.continued[self.screen.top + i] for i in range(len(bars))), bars
        self.shown += bars

    def interrupt(self):
        self.terminal.send("\x03")

    def take(self, stop):
        self.shown += self.screen.lines(self.taken, stop)
        self.taken = max(self.taken, stop)

    def close(self):
        self.terminal.send("\x04")
        self.terminal.finish()
