"""Caches compared and checked: what lies on disk, and whether Python's client finds it sound."""

import contextlib
import hashlib
import os
import stat

from huggingface_hub import constants, scan_cache_dir


def tree(root):
    """{path: (type, mode, size or link target, sha256)} of everything below a folder, times left out."""
    found = {}
    for folder, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            mode = stat.S_IMODE(facts.st_mode)
            key = os.path.relpath(path, root)
            if stat.S_ISLNK(facts.st_mode):
                found[key] = ("link", os.readlink(path))
            elif stat.S_ISDIR(facts.st_mode):
                found[key] = ("folder", mode)
            else:
                with open(path, "rb") as file:
                    found[key] = ("file", mode, facts.st_size, hashlib.file_digest(file, "sha256").hexdigest())
    return found


def assert_sound(cache):
    """Python's scan of the cache has no warning."""
    if os.path.isdir(cache):
        report = scan_cache_dir(cache)
        assert not report.warnings, [str(warning) for warning in report.warnings]


@contextlib.contextmanager
def offline():
    """Python's client as with HF_HUB_OFFLINE=1, which it reads once as it is imported."""
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = False
