"""`burin tokenize` and `burin detokenize` against the PyPI tokenizers package, on real vocabularies and odd text."""

import json
import os
import random
import subprocess

import fetch_fixtures
import pytest
from tokenizers import Tokenizer

FULL = os.environ.get("BURIN_FULL") == "1"
PER_TOKENIZER = 6500 if FULL else 700
NAMES = sorted([*fetch_fixtures.VOCABULARIES, "minilm", "smollm2"])

WORDS = (
    ["the", "Quick", "brown", "fox", "jumps", "déjà", "vu", "naïve", "Straße", "ﬁne", "résumé", "İstanbul", "don't", "we'll", "I'M", "it's", "3.14", "1,000", "2026"]
)
CJK = "汉字日本語テスト한국어漢字〇々ー、。「」"
EMOJI = ["👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇫🇷", "☠️", "😀", "\u200d"]
SPACES = [
    " ",
    "  ",
    "   ",
    "\t",
    "\n",
    "\r\n",
    "\n\n",
    "\r",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\u200b",
    "\u2028",
    "\u0085",
]
MARKS = ["\u0301", "\u0308", "\u0323", "\u20d2", "\ufe0f", "\u0e34", "\u093f", "\u064e"]
CODE = [
    "def f(x):\n    return x",
    "#include <x>",
    "a->b",
    "{{}}",
    "[]()",
    "/* */",
    "\\n",
    "<|",
    "|>",
    "</",
    "##",
    "▁",
    "Ġ",
]


def odd_character(rng):
    """Anywhere in Unicode but the surrogates: private use and unassigned ones too."""
    high = rng.choice([0x7F, 0xFF, 0x7FF, 0xFFFF, 0x10FFFF])
    code = rng.randrange(high + 1)
    return chr(code) if not 0xD800 <= code <= 0xDFFF else "\ufffd"


def piece(rng, added):
    kind = rng.randrange(10)
    if kind < 3:
        return rng.choice(WORDS)
    if kind == 3:
        return "".join(rng.choice(CJK) for _ in range(rng.randrange(1, 5)))
    if kind == 4:
        return rng.choice(EMOJI)
    if kind == 5:
        return rng.choice("aeiounAE") + "".join(rng.choice(MARKS) for _ in range(rng.randrange(1, 4)))
    if kind == 6:
        return str(rng.randrange(10 ** rng.randrange(1, 12)))
    if kind == 7 and added:
        return rng.choice(added)
    if kind == 8:
        return rng.choice(CODE)
    return "".join(odd_character(rng) for _ in range(rng.randrange(1, 6)))


def odd_text(rng, added):
    parts = []
    for _ in range(rng.randrange(1, 12)):
        parts.append(piece(rng, added))
        if rng.random() < 0.6:
            parts.append(rng.choice(SPACES) * rng.choice([1, 1, 1, 2, 7]))
    return "".join(parts)


def batch(burin, command, folder, lines, *options):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    run = [burin, command, str(folder), "--batch", *options]
    done = subprocess.run(run, check=False, input=text.encode(), capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr.decode()
    replies = [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]
    assert len(replies) == len(lines)
    return replies


def load_reference(folder):
    reference = Tokenizer.from_file(str(folder / "tokenizer.json"))
    reference.no_truncation()
    reference.no_padding()
    return reference


@pytest.mark.parametrize("name", NAMES)
def test_ids_and_text_equal_the_tokenizers_package(burin, name):
    folder = fetch_fixtures.ensure() / "tokenizers" / name
    reference = load_reference(folder)
    added = [token.content for token in reference.get_added_tokens_decoder().values()]
    rng = random.Random(name)
    texts = [odd_text(rng, added) for _ in range(PER_TOKENIZER)]
    lines = [{"text": text} for text in texts]
    for special in (True, False):
        expected = [e.ids for e in reference.encode_batch(texts, add_special_tokens=special)]
        got = batch(burin, "tokenize", folder, lines, *([] if special else ["--no-special"]))
        for text, want, reply in zip(texts, expected, got):
            assert reply.get("ids") == want, repr(text)
    for skip in (False, True):
        want = reference.decode_batch(expected, skip_special_tokens=skip)
        got = batch(
            burin, "detokenize", folder, [{"ids": ids} for ids in expected], *(["--skip-special"] if skip else [])
        )
        for ids, text, reply in zip(expected, want, got):
            assert reply.get("text") == text, ids


def test_a_bad_line_does_not_end_the_batch(burin):
    folder = fetch_fixtures.ensure() / "tokenizers" / "gpt-2"
    replies = batch(burin, "tokenize", folder, [{"text": "a"}, {"text": 5}, {"other": 1}, {"text": "a\u2028b\u0085"}])
    assert "ids" in replies[0] and "error" in replies[1] and "error" in replies[2] and "ids" in replies[3]
    replies = batch(burin, "detokenize", folder, [{"ids": [0]}, {"ids": [10**9]}, {"ids": ["x"]}])
    assert "text" in replies[0] and "error" in replies[1] and "error" in replies[2]
