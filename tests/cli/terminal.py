"""A pseudo terminal for the tests: what a person at a keyboard sees."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

PROMPT = ">>> "


class Terminal:
    """The program, or another one, on a pseudo terminal of some columns."""

    def __init__(self, home, *words, program=None, columns=80, **env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(home.path)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            file = program or home.program
            os.execve(file, [file, *words], home.env | env)
        self.seen = b""

    def read_until(self, text, timeout=20):
        """What was shown up to and with `text`, once it is there."""
        deadline = time.monotonic() + timeout
        while text.encode() not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.fd, 65536)
                except OSError:
                    break
        assert text.encode() in self.seen, self.seen
        if text == PROMPT:
            self.wait_for_keys(deadline)
        end = self.seen.index(text.encode()) + len(text)
        shown, self.seen = self.seen[:end], self.seen[end:]
        return shown.decode(errors="replace")

    def wait_for_keys(self, deadline):
        """Until keys reach the program one by one: the line editor shows its prompt a moment before."""
        while termios.tcgetattr(self.fd)[3] & termios.ICANON:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def send(self, text):
        os.write(self.fd, text.encode())

    def finish(self, timeout=20):
        """Exit status, with all that was shown in `seen`; a program that does not end is killed."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.fd, 65536)
                except OSError:
                    break
        else:
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
