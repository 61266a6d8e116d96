"""The parts of a run's recorded environment that can change its numbers, and where runs differ in them."""

from collections.abc import Sequence
from typing import Any


def decisive(environment: dict[str, Any]) -> dict[str, str]:
    """The fields that must agree for equal seeds to give equal bits. The name of a CPU includes its thread count."""
    versions = environment.get("versions") or {}
    return {
        "device": str(environment.get("device_name", "")),
        "ranks": str(environment.get("ranks", 1)),
        "precision": str(environment.get("precision", "")),
        "engine": str(environment.get("engine", "")),
        "kernels": str(environment.get("kernels", "torch")),
        "deterministic": "yes" if environment.get("deterministic") else "no",
        "torch": str(versions.get("torch", "")),
        "numpy": str(versions.get("numpy", "")),
        "commit": commit_name(environment.get("git")),
        "imported": imported_name(environment),
    }


def commit_name(git: dict[str, Any] | None) -> str:
    """A recorded commit in a few words: "1a2b3c4d5e with changes", or "unknown"."""
    git = git or {}
    return str(git.get("commit") or "unknown")[:10] + (" with changes" if git.get("dirty") else "")


def imported_name(environment: dict[str, Any]) -> str:
    """The user's own files that the run recorded: "rezero.py 1a2b3c4d5e"; empty if there are none."""
    return ", ".join(f"{name} {digest[:10]}" for name, digest in sorted((environment.get("imported") or {}).items()))


def segments(environment: dict[str, Any]) -> list[dict[str, str]]:
    """The decisive fields at the start and after each time that the run was resumed."""
    resumed = environment.get("resumed", [])
    return [decisive(environment), *(decisive({**environment, **changed}) for changed in resumed)]


def changes(earlier: dict[str, Any], later: dict[str, Any]) -> list[str]:
    """The decisive fields that changed, as "torch: 2.13.0 for 2.12.1" (new value for old)."""
    before, now = decisive(earlier), decisive(later)
    return [f"{name}: {now[name]} for {before[name]}" for name in before if now[name] != before[name]]


def differing(environments: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """The decisive fields that differ between runs or within one that was resumed, with the values of each."""
    found = [segment for environment in environments for segment in segments(environment)]
    values = {name: sorted({segment[name] for segment in found}) for name in found[0]} if found else {}
    return {name: several for name, several in values.items() if len(several) > 1}


def resumed(earlier: dict[str, Any], environment: dict[str, Any]) -> dict[str, Any]:
    """The environment in which a run started; "resumed" lists what had changed each time it was resumed."""
    began = {key: value for key, value in earlier.items() if key != "resumed"}
    differing = {key: value for key, value in environment.items() if began.get(key) != value}
    return {**began, "resumed": [*earlier.get("resumed", []), differing]}
