"""The report in a real browser, from file://, without a network. `make browser-test` installs what this needs."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import REPOSITORY, make_run

from resnet_repro.analysis.loading import load_runs
from resnet_repro.report import render_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright; make browser-test installs it")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; make browser-test installs it")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with playwright.sync_playwright() as started:
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = started.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page about the committed quick and tenth suites, and a run that diverged."""
    runs = [run for suite in ("quick", "tenth") for run in load_runs(REPOSITORY / "results" / suite)]
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page([*runs, make_run(32, status="diverged", milestones=[300])], "results"))
    return path.as_uri()


@pytest.fixture
def page(browser: "Browser", address: str) -> Iterator["Page"]:
    """The page on a wide screen. Fails at the end if there were errors, warnings or requests to a network."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: None if request.url == address else troubles.append(request.url))
    page.goto(address)
    yield page
    assert troubles == []
    context.close()


def shown(page: "Page", net: str) -> list[bool]:
    drawing = page.locator("figure:has(.legend)").first.locator(f'[data-net="{net}"]')
    return [drawing.nth(number).is_visible() for number in range(drawing.count())]


def test_the_legend_hides_and_shows_curves(page: "Page") -> None:
    button = page.locator("figure:has(.legend)").first.locator('[data-switches="plain-20"]')
    assert any(shown(page, "plain-20"))
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert not any(shown(page, "plain-20"))
    assert any(shown(page, "ResNet-20"))
    button.press("Enter")
    assert any(shown(page, "plain-20"))


def test_a_curve_says_its_net_step_and_value_under_the_mouse(page: "Page") -> None:
    figure = page.locator("figure:has(.legend)").first
    tip, drawing = figure.locator(".tip"), figure.locator(".drawing svg")
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    assert box
    assert not tip.is_visible()
    said = set()
    for down in range(20, 100):
        page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + down / 100 * box["height"])
        said |= {tip.inner_text()} if tip.is_visible() else set()
    nets = {text.split("\n")[0] for text in said}
    assert {"plain-20", "plain-56"} <= nets
    assert all(re.search(r"(training|test) error [0-9.]+ % .*at step [0-9,]+, epoch [0-9.]+$", text) for text in said)
    figure.locator('[data-switches="plain-20"]').click()
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    assert box
    for down in range(20, 100, 2):
        page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + down / 100 * box["height"])
        assert not (tip.is_visible() and tip.inner_text().startswith("plain-20\n"))


def test_the_keyboard_walks_along_a_curve_and_to_the_next_one(page: "Page") -> None:
    figure = page.locator("figure:has(.legend)").first
    reader, tip = figure.locator(".reader"), figure.locator(".tip")
    figure.locator(".legend button").last.focus()
    page.keyboard.press("Tab")

    def said() -> str:
        assert tip.is_visible()
        text = str(reader.get_attribute("aria-valuetext"))  # which a screen reader says
        assert tip.inner_text().replace("\n", ": ") == text
        return text

    def step(text: str) -> int:
        return int(text.split("at step ")[1].split(", epoch")[0].replace(",", ""))

    first = said()
    page.keyboard.press("ArrowRight")
    second = said()
    assert first.split(" error ")[0] == second.split(" error ")[0]
    assert step(second) > step(first)
    page.keyboard.press("ArrowDown")
    assert said().split(" error ")[0] != second.split(" error ")[0]
    assert step(said()) == step(second)
    page.keyboard.press("ArrowUp")
    assert said() == second
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    page.keyboard.press("End")
    last = said()
    page.keyboard.press("Tab")
    assert not tip.is_visible()
    figure.locator(f'[data-switches="{last.split(":")[0]}"]').click()
    reader.focus()
    assert said().split(":")[0] != last.split(":")[0]


def test_a_tap_reads_a_curve_and_a_tap_elsewhere_ends_it(browser: "Browser", address: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True, reduced_motion="reduce")
    page = context.new_page()
    page.goto(address)
    figure = page.locator("figure:has(.legend)").first
    tip, drawing = figure.locator(".tip"), figure.locator(".drawing svg")
    figure.locator(".reader").press("Home")
    read, spot = tip.inner_text(), figure.locator(".spot")
    place = [float(spot.get_attribute(name) or "") for name in ("cx", "cy")]
    figure.locator("figcaption").tap()
    assert not tip.is_visible()
    drawing.scroll_into_view_if_needed()
    there = "(svg, [x, y]) => { const at = svg.getScreenCTM(); return [at.a * x + at.e, at.d * y + at.f]; }"
    page.touchscreen.tap(*drawing.evaluate(there, place))
    assert tip.is_visible()
    assert tip.inner_text() == read
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    figure.locator("figcaption").tap()
    assert not tip.is_visible()
    context.close()


def test_verdicts_open_by_mouse_and_keyboard_to_their_evidence(page: "Page") -> None:
    first, second = page.locator("#C1"), page.locator("#C2")
    evidence = first.get_by_text("training error: plain-56 > plain-20").first
    assert not evidence.is_visible()
    first.locator("summary").click()
    assert evidence.is_visible()
    second.locator("summary").focus()
    page.keyboard.press("Enter")
    assert second.get_attribute("open") is not None


def test_a_link_to_a_verdict_opens_it(page: "Page") -> None:
    page.locator('.headline a[href="#C6"]').first.click()
    page.wait_for_function("document.getElementById('C6').open")


def test_verdicts_can_be_filtered_by_outcome(page: "Page") -> None:
    assert page.locator("#C7").count() == 1
    page.locator('button[data-outcome="not run"]').click()
    assert not page.locator("#C7").is_visible()
    assert page.locator("#C1").is_visible()


def test_tables_sort_by_their_numbers_rising_and_falling(page: "Page") -> None:
    table = page.locator("table.sortable").first
    header = table.locator("th", has_text="test error %").nth(0)

    def errors() -> list[float]:
        column = header.evaluate("cell => cell.cellIndex")
        return [float(value) for row in table.locator("tbody tr").all()
                if (value := row.locator("td").nth(column).get_attribute("data-value"))]  # fmt: skip

    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert len(errors()) > 1
    assert errors() == sorted(errors())
    header.locator("button").press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    assert errors() == sorted(errors(), reverse=True)


def test_a_command_is_copied_or_at_least_selected(page: "Page") -> None:
    origin = page.locator(".origin").first
    origin.locator("summary").click()
    command = origin.locator("code").first.inner_text()
    origin.locator(".copy").click()
    origin.get_by_text("Copied").or_(origin.get_by_text("Selected")).wait_for()
    selected = page.evaluate("getSelection().toString()")
    assert selected in ("", command)


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_the_page_is_no_wider_than_the_screen(page: "Page", width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(row => { row.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_narrow_screen_says_that_figures_can_be_scrolled(page: "Page") -> None:
    hint = page.get_by_text("This figure is wider than the screen").first
    assert not hint.is_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    assert hint.is_visible()


def luminance(page: "Page") -> float:
    """The luminance of the page's background, from 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(float(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")) / 3


def test_the_theme_follows_the_system_and_can_be_switched(page: "Page") -> None:
    assert luminance(page) > 200
    page.emulate_media(color_scheme="dark")
    assert luminance(page) < 60
    page.locator("#theme").click()
    assert luminance(page) > 200
    page.locator("#theme").click()
    assert luminance(page) < 60


def test_in_print_the_evidence_is_shown_and_the_controls_are_not(page: "Page", tmp_path: Path) -> None:
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert not page.locator("#theme").is_visible()
    assert page.locator("#C1 .evidence").is_visible()
    page.pdf(path=tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 10_000


def test_everything_can_be_read_without_javascript(browser: "Browser", address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert not page.locator("#theme").is_visible()
    assert not page.locator(".legend").first.is_visible()
    assert page.locator(".reader").count() == 0
    page.locator("#C1 summary").click()
    assert page.get_by_text("training error: plain-56 > plain-20").first.is_visible()
    context.close()
