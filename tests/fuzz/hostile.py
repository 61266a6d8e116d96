"""Hostile input: values of every kind, and files damaged byte by byte."""

import json
import os
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

ENORMOUS = (10**30, 6 * 10**9 + 2, 10**9, 10**12, -(10**30), 2**63, 10**400)
NASTY_TEXTS = (
    "", "\x1b[31mred\x1b[0m", "[bold]x[/bold]", "../evil", "/etc/passwd", "a\nb", "\ud800", "\u202egnp", "$\\frac{$",
    "x" * 10_000, "\0", "nan", "1e999", "\ufeff", "😀", "2026-99-99", "<<", "=", "none", "all",
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 200), st.sampled_from(ENORMOUS), st.floats(), st.text(max_size=8),
    st.sampled_from(NASTY_TEXTS),
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
WHOLE_FILES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([
        b"", b"\0", b"\xff\xfe\x00", b"\n", b"\xef\xbb\xbf", b"null", b"[]", b"{}", b"[" * 5000, b'{"a":' * 5000,
        b"{a: " * 3000, b"- " * 3000, b"#" * 200_000, b"a" * 2_000_000, b"\x1b[2J", b"\x85\xc2\x85", b"1" * 9000,
    ]),
)  # fmt: skip


def fuzzed(cases: int) -> settings:
    """So many cases on a CI server, and a third of them elsewhere; not shrunk, which takes minutes.

    They are the same in every run. The tests' fixtures hold no state.
    """
    shared = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=cases if os.environ.get("CI") else cases // 3,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=shared,
    )


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """A valid file with one to three accidents: bytes flipped, lost, doubled or inserted, or its end cut off."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, max(len(content) - 1, 0)))
        end = min(len(content), start + draw(st.integers(1, 40)))
        part = content[start:end]
        match draw(st.sampled_from(["flip", "delete", "double", "insert", "cut"])):
            case "flip":
                mask = draw(st.integers(1, 255))
                content = content[:start] + bytes(byte ^ mask for byte in part[:1]) + content[start + 1 :]
            case "delete":
                content = content[:start] + content[end:]
            case "double":
                content = content[:end] + part + content[end:]
            case "insert":
                content = content[:start] + draw(st.binary(min_size=1, max_size=4)) + content[start:]
            case "cut":
                content = content[:start]
    return content


@st.composite
def with_a_wrong_value(draw: st.DrawFn, values: dict[str, Any]) -> dict[str, Any]:
    """Nested values, of which one to three are replaced or lost."""
    values = json.loads(json.dumps(values))
    for _ in range(draw(st.integers(1, 3))):
        section = values
        while section:
            key = draw(st.sampled_from(sorted(section)))
            if not isinstance(section[key], dict) or not section[key] or draw(st.integers(0, 4)) == 0:
                if draw(st.booleans()) and draw(st.booleans()):
                    del section[key]
                else:
                    section[key] = draw(VALUES)
                break
            section = section[key]
    return values


def as_yaml(values: Any) -> bytes:
    return yaml.safe_dump(values, allow_unicode=True).encode("utf-8", "surrogatepass")


def as_json(values: Any) -> bytes:
    return json.dumps(values).encode()
