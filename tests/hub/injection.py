"""System calls of a program listed, and one of them made to kill it or to fail (strace -e inject)."""

import collections
import re
import shutil
import subprocess

# All that changes what lies on disk, and the locks.
MUTATING = [
    "openat", "open", "creat", "write", "pwrite64", "writev", "pwritev", "ftruncate", "fallocate", "fsync", "fdatasync", "sync_file_range",
    "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "chmod",
    "fchmod", "fchmodat", "utimensat", "flock", "copy_file_range", "sendfile",
]  # fmt: skip
LINE = re.compile(r"(?P<thread>\d+)\s+(?P<call>\w+)\((?P<rest>.*)")


def why_not():
    """Why calls cannot be injected here, or None."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "true"], check=False, capture_output=True, text=True)
    return None if done.returncode == 0 else f"ptrace is not allowed here: {done.stderr.strip()}"


def known(calls):
    """strace's name for those of the calls that this machine has."""
    return "trace=" + ",".join(f"?{call}" for call in calls)


def listing(path, calls=MUTATING):
    """Words in front of a program that write its calls to a file."""
    return ["strace", "-f", "-y", "-qq", "-s", "4096", "-o", str(path), "-e", known(calls)]


def inject(call, what, when=None):
    """Words in front of a program whose `when`-th such call (in any thread; None: each) is tampered with."""
    # Not with --seccomp-bpf: strace 6.1 then miscounts the calls.
    tamper = f"inject={call}:{what}" + (f":when={when}" if when else "")
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", tamper]


def points(path, below):
    """[(call, N)]: the N-th such call of some thread is about something below a folder. strace counts by thread too."""
    counts, found = collections.Counter(), {}
    with open(path, errors="replace") as file:
        for line in file:
            match = LINE.match(line)
            if match is None:
                continue
            counts[match["thread"], match["call"]] += 1
            rest = re.sub(r"AT_FDCWD<[^>]*>", "", match["rest"])
            if f"{below}/" in rest and "O_RDONLY" not in rest:
                found[match["call"], counts[match["thread"], match["call"]]] = rest
    return list(found)


def sampled(points, step):
    """Every step-th point; of each kind of call one at least, and of one that comes hundreds of times about ten."""
    by_call = collections.defaultdict(list)
    for call, when in points:
        by_call[call].append((call, when))
    chosen = []
    for same in by_call.values():
        chosen += same[:: max(step, len(same) // 10) if step > 1 else 1]
    return chosen
