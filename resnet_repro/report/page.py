"""Renders the report: collects plain values for the template, which has all HTML."""

import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from resnet_repro.analysis.differences import field_columns
from resnet_repro.analysis.effects import about_effects, effect_lines, effects
from resnet_repro.analysis.groups import ABOUT_ERRORS, ABOUT_SPREAD, Group, comparable_groups
from resnet_repro.claims import Outcome, Verdict, judge
from resnet_repro.claims.verdict import ABOUT_INTERVALS, ABOUT_OUTCOMES
from resnet_repro.errors import printable
from resnet_repro.figures import Drawn, draw_figures
from resnet_repro.figures.units import PAGE, units_svg
from resnet_repro.papers import PAPERS
from resnet_repro.record.run import Run
from resnet_repro.report.inline_svg import inline_svg
from resnet_repro.report.results import final_errors, origins
from resnet_repro.report.verdicts import counts, verdict_row

SYMBOLS: dict[Outcome, str] = {"reproduced": "✓", "contradicted": "✗", "inconclusive": "≈", "not run": "–"}


def render_page(runs: Sequence[Run], name: str, title: str = "", options: str = "") -> str:
    """The report on `runs` as HTML. Equal runs give equal text.

    `name` is the folder that holds them, or several, and `options` chose the runs; both are part of a command. The page
    opens with the papers' question if runs answer it, else with the runs themselves.
    """
    verdicts = judge(runs)
    headline = _headline(verdicts)
    rows = [verdict_row(verdict) for verdict in verdicts]
    groups = sorted(comparable_groups(runs), key=weight, reverse=True)
    drawn = list(draw_figures(runs))
    environment = Environment(
        loader=PackageLoader("resnet_repro.report"), undefined=StrictUndefined, autoescape=True,
        trim_blocks=True, lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    return environment.get_template("page.html").render(
        name=name,
        title=title,
        options=options,
        own=all(verdict.outcome == "not run" for found in headline.values() for verdict in found),
        symbols=SYMBOLS,
        style=_file("style.css"),
        script=_file("script.js"),
        runs=len(runs),
        full_length=any(group.condition.is_papers for group in groups),
        counts=counts(verdicts),
        verdicts=rows,
        not_run=[row for row in rows if row["outcome"] == "not run"],
        groups=[_group(number, group, drawn) for number, group in enumerate(groups)],
        headline=headline,
        origins=origins(runs),
        papers=PAPERS,
        units=Markup(units_svg(PAGE)),  # noqa: S704 - ours
        about_errors=ABOUT_ERRORS,
        about_spread=ABOUT_SPREAD,
        about_intervals=ABOUT_INTERVALS,
        about_outcomes=ABOUT_OUTCOMES,
    )


def _shown(value: object) -> object:
    """A value of the template without control characters, which browsers show and copy; our own HTML as it is."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def weight(group: Group) -> tuple[bool, bool, int, int]:
    """The sort key of groups: their conditions, then the number of runs."""
    return *group.condition.weight, len(group.runs)


def _headline(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    """The verdicts on the papers' two main claims."""
    by_id = {verdict.claim.id: verdict for verdict in verdicts}
    return {"degradation": [by_id["C1"], by_id["C2"]], "fix": [by_id["C6"]]}


def _group(number: int, group: Group, drawn: Sequence[Drawn]) -> dict[str, Any]:
    title, *conditions = group.title().split("\n")
    return {
        "id": f"group-{number}",
        "title": title,
        "conditions": " · ".join(conditions),
        "published": group.condition.is_short and group.condition.has_papers_data,
        "table": final_errors(group),
        "effects": effect_lines(group),
        "about_effects": about_effects(effects(group)),
        "others": field_columns(group.entries)[1],
        "figures": [
            _figure(found, f"f{number}{slug(found.family)}", f"f{number}n{place}")
            for place, found in enumerate(drawn)
            if found.group.condition == group.condition
        ],
    }


def _figure(drawn: Drawn, name: str, prefix: str) -> dict[str, Any]:
    """The figure with this id; `prefix` begins thousands of ids and classes inside it, so it is short."""
    inline = inline_svg(drawn.figure, prefix, drawn.caption.shows)
    return {
        "id": name,
        "name": drawn.family.replace("-", " "),
        "svg": Markup(inline.svg),  # noqa: S704 - our drawing, in which names are escaped
        "nets": inline.nets,
        "caption": drawn.caption.text(drawn.group.condition).strip().split("\n\n"),
    }


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _file(name: str) -> Markup:
    """The content of a file of this package."""
    text = resources.files("resnet_repro.report").joinpath(name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - ours
