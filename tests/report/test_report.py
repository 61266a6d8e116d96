"""The report without a browser: its content, and that it is well-formed, escaped, self-contained, small and stable."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import REPOSITORY, Cli, make_run
from constructed import suite
from html_page import Page

from resnet_repro.papers import CLAIMS, PAPERS
from resnet_repro.record.run import Run
from resnet_repro.report import render_page

NETS = ((20, "none", 50.0), (56, "none", 80.0), (20, "identity", 45.0), (56, "identity", 42.0))
FOUR = [
    make_run(depth, shortcut, seed=seed, train_error=error, test_error=error + seed)
    for depth, shortcut, error in NETS
    for seed in (0, 1)
]


@pytest.fixture(scope="module")
def html() -> str:
    return render_page(FOUR, "results")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_it_is_well_formed_with_unique_ids_and_valid_links(page: Page) -> None:
    assert page.open == []
    ids = [value for _, attributes in page.elements if (value := attributes.get("id"))]
    assert len(ids) == len(set(ids))
    targets = {str(link["href"]) for link in page.all("a")}
    papers = {paper.url for paper in PAPERS.values()}
    assert papers <= targets
    assert {target.removeprefix("#") for target in targets - papers} <= set(ids)
    assert {found["aria-labelledby"] for _, found in page.elements if "aria-labelledby" in found} <= set(ids)


def test_it_loads_nothing_from_elsewhere(page: Page, html: str) -> None:
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "iframe", "object")
        assert "src" not in attributes
        assert tag == "a" or str(attributes.get("href", "#")).startswith("#")
    assert not re.search(r"url\((?!#)|@import", html)
    assert set(re.findall(r"https?://[\w.]+", html)) == {"http://www.w3.org", "https://arxiv.org"}


def test_every_claim_has_its_row_with_word_and_symbol(page: Page) -> None:
    rows = page.all("details")
    ids = [row["id"] for row in rows if "verdict" in str(row["class"])]
    assert ids[:5] == ["C1", "C2", "C6", "C3", "C4"]  # those of which nothing was run come last
    assert len([row for row in rows if "verdict" in str(row["class"])]) == len(CLAIMS)
    assert "✓ reproduced short schedule" in page.text
    assert "training error: plain-56 > plain-20 80.00 ± 0.00 (n=2) − 50.00 ± 0.00 (n=2)" in page.text
    assert "5.8 − 1.3" in page.text


def test_a_notice_says_that_schedules_are_short_unless_one_is_the_papers(page: Page) -> None:
    assert "No net here was trained for the papers' 64,000 steps" in page.text
    papers = [make_run(depth, steps=64_000, batch_size=128, learning_rate=0.1) for depth in (20, 56)]
    assert "No net here was trained" not in Page(render_page(papers, "results")).text


def test_claims_without_runs_are_folded_into_one_line(page: Page) -> None:
    [folded] = [row for row in page.all("details") if row.get("class") == "folded"]
    assert folded["data-outcome"] == "not run"
    assert re.search(r"\d\d of the papers' 27 claims need runs that are not here: C3, C4, C5", page.text)
    assert page.text.index("claims need runs that are not here") < page.text.index("at full length")


def own_page() -> Page:
    runs = [replace(run, experiment=run.experiment.model_copy(update={"model": narrow})) for run in FOUR
            for narrow in [run.experiment.model.model_copy(update={"width": 4})]]  # fmt: skip
    return Page(render_page(runs, "results", options=" --nets mine"))


def test_a_page_about_own_runs_opens_with_their_figure_and_table() -> None:
    page = own_page()
    assert page.open == []
    tags = [tag for tag, attributes in page.elements if tag in ("h1", "figure", "table", "h2", "details")]
    assert tags[:4] == ["h1", "h2", "figure", "table"]
    opening = page.text[: page.text.index("Verdicts on the papers' claims")]
    for part in ("What the runs show", "plain nets (width 4), by depth", "plain-56 (width 4) 80.00 ± 0.00 (n=2)",
                 "degradation: plain-56 (width 4) against plain-20 (width 4), training error: +30.0"):  # fmt: skip
        assert part in opening
    assert "papers' 64,000 steps" not in opening
    assert "27 of the papers' 27 claims need runs that are not here" in page.text
    assert not any("data-outcome" in button for button in page.all("button"))  # nothing to filter
    ids = [value for _, attributes in page.elements if (value := attributes.get("id"))]
    assert len(ids) == len(set(ids))
    assert "Made by resnet-repro report results --nets mine" in page.text


def test_a_title_of_ones_own_is_the_pages_and_the_command_at_its_end_repeats_the_choice(
    cli: Cli, tmp_path: Path
) -> None:
    shutil.copytree(REPOSITORY / "results/quick/plain20/seed-0", tmp_path / "quick/plain20/seed-0")
    title = "It's mine <b>&</b>"
    assert cli("report", tmp_path, "--nets", "quick/*,*20", "--seeds", "0", "--title", title).code == 0
    page = Page((tmp_path / "report.html").read_text())
    assert page.text.count(title) == 2  # once in the head
    assert "Do deeper nets learn better?" not in page.text
    assert f"resnet-repro report {tmp_path} --nets 'quick/*,*20' --seeds 0 --title {shlex.quote(title)}" in page.text


def test_every_net_can_be_hidden_in_its_figure(page: Page) -> None:
    switches = [button["data-switches"] for button in page.all("button") if "data-switches" in button]
    assert {"plain-20", "plain-56", "ResNet-20", "ResNet-56"} <= set(switches)
    drawn = {attributes.get("data-net") for _, attributes in page.elements}
    assert set(switches) <= drawn


def test_tables_sort_by_numbers(page: Page) -> None:
    values = [float(str(cell["data-value"])) for cell in page.all("td") if "data-value" in cell]
    assert 80.0 in values
    assert "13.3" in page.text


def test_it_has_a_command_that_repeats_each_experiment(page: Page) -> None:
    command = "resnet-repro train none20/seed-0/spec.yaml --seeds 0-1 --set training.precision=fp32 --results again"
    assert command in page.text


def test_a_command_pins_the_precision_that_was_recorded_and_repeats_no_other() -> None:
    """On `auto`, a run in fp32 is repeated in bf16 where the hardware has it."""
    for run in (bf16 := [make_run(seed=seed) for seed in (2, 3)]):
        run.environment["precision"] = "bf16"
    text = Page(render_page([*FOUR[:2], *bf16], "results")).text
    for seeds, precision in (("0-1", "fp32"), ("2-3", "bf16")):
        assert f"--seeds {seeds} --set training.precision={precision} --results again" in text
    assert "CPU · bf16 or fp32 · 2 seeds per net" in text


def test_runs_of_two_specs_in_one_folder_have_a_command_each_and_grown_ones_name_their_source_too() -> None:
    longer = make_run(seed=1, steps=800)
    text = Page(render_page([make_run(), longer], "results")).text
    assert list(re.findall(r"train none20/seed-\d/spec.yaml --seeds (\S+)", text)) == ["0", "1"]
    text = Page(render_page(suite(1), "results")).text
    grown = "none56-grown-0.02/seed-0/spec.yaml"
    assert f"resnet-repro train none20/seed-0/spec.yaml {grown} --seeds 0 --set" in text


def test_the_command_on_the_page_repeats_the_run(tiny: Path, tmp_path: Path, cli: Cli) -> None:
    cli("train", tiny, "--results", tmp_path / "r", "--device", "cpu")
    assert cli("report", tmp_path / "r").code == 0
    text = Page((tmp_path / "r/report.html").read_text()).text
    [command] = re.findall(r"resnet-repro (train \S+/spec\.yaml --seeds \S+ --set \S+ --results) again", text)
    assert cli(*command.split(), tmp_path / "again", "--device", "cpu").code == 0
    assert json.loads((tmp_path / "again/tiny/seed-0/summary.json").read_text())["status"] == "finished"


@pytest.mark.parametrize("status", ["interrupted", "diverged", "finished"])
def test_one_run_makes_a_page_however_it_ended(status: str) -> None:
    page = Page(render_page([make_run(status=status)], "results"))
    assert "1 run in 1 set of conditions" in page.text
    assert status in page.text


def test_text_from_files_is_escaped(page: Page) -> None:
    hostile = '<script>alert("1")</script> & $x$'
    run = make_run(data=hostile)
    run.environment.update(device_name=hostile, git={"commit": hostile}, versions={"torch": hostile})
    html = render_page([run], hostile)
    assert "<script>alert" not in html
    assert len(Page(html).all("script")) == 1
    assert "alert" in Page(html).text


def test_equal_runs_give_equal_pages(html: str) -> None:
    assert html == render_page([*FOUR], "results")


def test_two_hundred_runs_make_less_than_five_megabytes() -> None:
    html = render_page(list(many_runs()), "results")
    assert "200 runs" in html
    assert len(html.encode()) < 5_000_000


def many_runs() -> list[Run]:
    """The full suite and more: 40 nets with five seeds, a row for each of 164 epochs."""
    runs = []
    for number in range(40):
        for seed in range(5):
            run = make_run(20 + 6 * number, ("none", "identity")[number % 2], seed=seed, steps=64_000, batch_size=128)
            rows = [replace(run.rows[0], step=391 * (epoch + 1), test_error_pct=90 - epoch / 2 + seed / 10)
                    for epoch in range(164)]  # fmt: skip
            runs.append(replace(run, rows=tuple(rows)))
    return runs


def test_the_output_goes_to_the_given_file(cli: Cli, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(REPOSITORY / "results/quick/plain20/seed-0", results / "quick/plain20/seed-0")
    outcome = cli("report", results, "--output", tmp_path / "page.html")
    assert (outcome.code, outcome.out) == (0, f"{tmp_path / 'page.html'}\n")
    assert cli("report", results, "--output", tmp_path / "new/page.html").code == 0
    before = sorted(tmp_path.rglob("*"))
    for output, said in ((tmp_path, "is a folder; name a file, such as"), ("/", "is a folder; name a file"),
                         (tmp_path / "page.html/page.html", "choose another --output")):  # fmt: skip
        refused = cli("report", results, "--output", output)
        assert refused.code == 1
        assert said in refused.err
        assert len(refused.err.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before
