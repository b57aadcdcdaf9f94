"""The report in a real browser, on a wide and on a phone-size window."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from headless_browser import CONTRASTS, LEAST_CONTRAST, Browser, missing_browser, wait_until
from report_runs import make_bare_run, make_run
from test_live_page import live

from dcgan_lightning.reports import write_report

pytestmark = pytest.mark.skipif(missing_browser() is not None, reason=str(missing_browser()))

WIDE, PHONE = (1280, 900), (375, 800)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(make_run(tmp_path_factory.mktemp("full") / "run"))


@pytest.fixture(scope="module")
def bare_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(make_bare_run(tmp_path_factory.mktemp("bare") / "run"))


def moment(browser: Browser) -> tuple[str, str, str, str]:
    """Return what the slider stands at: its value, the label, what a screen reader says, and the picture."""
    slider = "document.getElementById('slider')"
    return (
        browser.ask(f"{slider}.value"),
        browser.ask("document.getElementById('where').textContent"),
        browser.ask(f"{slider}.getAttribute('aria-valuetext')"),
        browser.ask("document.getElementById('frame').src"),
    )


def click(browser: Browser, identifier: str) -> None:
    browser.driver.find_element("id", identifier).click()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("which", ["page", "bare_page"])
def test_it_fits_and_fetches_nothing(
    browser: Browser, request: pytest.FixtureRequest, which: str, size: tuple[int, int]
) -> None:
    browser.open(request.getfixturevalue(which), *size)
    browser.driver.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.ask("window.innerWidth") == size[0]
    assert browser.ask("document.documentElement.scrollWidth") <= size[0]
    images = browser.ask("[...document.images].map(i => [i.alt, i.complete && i.naturalWidth > 0])")
    assert len(images) == (7 if which == "page" else 0)
    assert all(alt and is_loaded for alt, is_loaded in images)
    assert browser.requests() == []
    assert browser.ask("performance.getEntriesByType('resource').filter(e => !/^data:/.test(e.name))") == []
    assert browser.driver.get_log("browser") == []


def test_columns_on_a_wide_window_and_one_on_a_phone(browser: Browser, page: Path) -> None:
    tops = "[...document.querySelectorAll('header > *')].map(e => Math.round(e.getBoundingClientRect().left))"
    browser.open(page, *WIDE)
    left, right = browser.ask(tops)
    assert right > left + 400
    browser.open(page, *PHONE)
    left, right = browser.ask(tops)
    assert left == right
    scores, *pictures = browser.ask(
        "[...document.querySelectorAll('.stacked, .wide')].map(e => [e.scrollWidth, e.clientWidth])"
    )
    assert scores[0] <= scores[1] < PHONE[0]
    assert pictures
    assert all(width > shown for width, shown in pictures)  # they scroll within themselves


def test_nothing_of_the_scores_and_charts_is_cut_on_a_phone(browser: Browser, page: Path) -> None:
    browser.open(page, *PHONE)
    words = browser.ask(
        "[...document.querySelectorAll('td[data-label], .plot span, .legend li, .bar b')].map(e => {"
        "const r = e.getBoundingClientRect(); return [e.textContent, r.left, r.right, r.height]})"
    )
    shown = [word for word in words if word[3]]
    assert len([word for word in shown if word[0] == "400"]) >= 1  # an anchor
    assert all(0 <= left < right <= PHONE[0] for _, left, right, _ in shown)
    labels = browser.ask(
        "[...document.querySelectorAll('td.number')].map(e => getComputedStyle(e, '::before').content)"
    )
    assert '"real images"' in labels
    charts = browser.ask("[...document.querySelectorAll('.course svg')].map(e => e.clientWidth)")
    assert len(charts) == 2
    assert all(width > 200 for width in charts)


def test_pixels_stay_sharp_and_large(browser: Browser, page: Path) -> None:
    browser.open(page, *WIDE)
    assert browser.ask("getComputedStyle(document.getElementById('final')).imageRendering") == "pixelated"
    assert browser.ask("document.getElementById('final').getBoundingClientRect().width") > 450


def test_the_slider_obeys_the_keyboard(browser: Browser, page: Path) -> None:
    browser.open(page, *WIDE)
    last = moment(browser)
    assert last[:3] == ("19", "epoch 4, iteration 5", "epoch 4, iteration 5")
    browser.driver.execute_script("document.getElementById('slider').focus()")
    seen = [last]
    for key, value, label in (
        ("ARROW_LEFT", "18", "epoch 4, iteration 4"),
        ("HOME", "0", "epoch 1, iteration 1"),
        ("ARROW_RIGHT", "1", "epoch 1, iteration 2"),
        ("END", "19", "epoch 4, iteration 5"),
    ):
        browser.press(key)
        seen.append(moment(browser))
        assert seen[-1][:3] == (value, label, label)
        alt = browser.ask("document.getElementById('frame').alt")
        assert alt == f"Generated images at {label}"
    assert len({picture for *_, picture in seen}) == 4
    assert seen[-1] == last
    assert browser.ask("document.getElementById('frame').naturalWidth") == 62


def test_the_curves_show_where_the_slider_is(browser: Browser, page: Path) -> None:
    browser.open(page, *WIDE)
    browser.driver.execute_script("document.getElementById('slider').focus()")
    browser.press("HOME", "ARROW_RIGHT")
    assert browser.ask("[...document.querySelectorAll('.now')].map(e => [e.hidden, e.style.left])") == [
        [False, "10%"],
        [False, "10%"],
    ]


def test_the_buttons(browser: Browser, page: Path) -> None:
    browser.open(page, *PHONE)
    click(browser, "previous")
    click(browser, "previous")
    click(browser, "next")
    assert moment(browser)[1] == "epoch 4, iteration 4"
    label = "document.getElementById('play').textContent"
    click(browser, "play")  # on to the end, where it stops by itself
    assert wait_until(lambda: moment(browser)[0] == "19" and browser.ask(label) == "Play")
    click(browser, "play")  # from the start again
    assert browser.ask(label) == "Pause"
    assert wait_until(lambda: int(moment(browser)[0]) in range(2, 19))
    click(browser, "play")
    stopped_at = moment(browser)
    assert browser.ask(label) == "Play"
    time.sleep(0.5)
    assert moment(browser) == stopped_at


def test_tab_reaches_everything_and_the_focus_is_seen(browser: Browser, page: Path) -> None:
    browser.open(page, *WIDE)
    reached = []
    for _ in range(10):
        browser.press("TAB")
        focus = "document.activeElement"
        name = browser.ask(f"{focus}.id || {focus}.getAttribute('aria-label') || {focus}.textContent")
        reached.append(name)
        assert browser.ask(f"getComputedStyle({focus}).outlineStyle") == "solid", name
        assert browser.ask(f"{focus}.getBoundingClientRect().width") > 0
    assert reached[:5] == ["To the report", "slider", "play", "previous", "next"]
    pairs = "Generated images and their nearest training images"
    assert reached[5:] == ["Scores of last", pairs, "All settings", "Networks", "Files"]
    browser.driver.execute_script("document.querySelector('summary').focus()")
    browser.press("ENTER")
    assert browser.ask("document.querySelector('details').open")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(browser: Browser, page: Path, scheme: str) -> None:
    browser.open(page, *WIDE, scheme=scheme)
    browser.driver.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    contrasts = browser.ask(CONTRASTS)
    assert len(contrasts) > 60
    assert [(text, ratio) for text, ratio in contrasts if ratio < LEAST_CONTRAST] == []
    paper = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(251, 250, 247)", "dark": "rgb(22, 21, 19)"}[scheme]


def test_the_open_page_follows_a_training_to_its_end(browser: Browser, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    path = write_report(run, "running", live(again=1.0, written=datetime.now()))
    browser.open(path, *WIDE)
    share = "(document.querySelector('.standing b') || {}).textContent"
    assert browser.ask(share) == "40%"
    browser.driver.execute_script("scrollTo(0, 900); document.querySelector('details').open = true")
    write_report(run, "running", live(again=1.0, iteration=4, written=datetime.now()))
    assert wait_until(lambda: browser.ask(share) == "45%")
    assert browser.ask("scrollY") == 900
    assert browser.ask("document.querySelector('details').open")
    browser.driver.execute_script("document.getElementById('previous').click()")
    write_report(run)
    time.sleep(2.5)
    assert browser.ask(share) == "45%"  # somebody looks at an earlier moment
    assert "waits while you look" in browser.ask("document.getElementById('follow').textContent")
    browser.driver.execute_script("document.getElementById('next').click()")
    assert wait_until(lambda: browser.ask("document.getElementById('live')") is None)
    assert browser.ask("document.querySelectorAll('picture').length") == 1  # the film is back
    assert browser.driver.get_log("browser") == []
    old = datetime.now() - timedelta(minutes=10)
    browser.open(write_report(run, "running", live(again=1.0, written=old)), *WIDE)
    assert browser.ask("document.getElementById('silence').hidden") is False


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_running_page_fits_and_can_be_read(
    browser: Browser, tmp_path: Path, size: tuple[int, int], scheme: str
) -> None:
    run = make_run(tmp_path / "run")
    state = live(warnings=("The generator collapses.",), written=datetime.now())
    browser.open(write_report(run, "running", state), *size, scheme=scheme)
    assert browser.ask("document.documentElement.scrollWidth") <= size[0]
    assert [(text, ratio) for text, ratio in browser.ask(CONTRASTS) if ratio < LEAST_CONTRAST] == []
    assert browser.requests() == []


@pytest.mark.parametrize(("motion", "kind"), [("no-preference", "gif"), ("reduce", "png")])
def test_the_film_stands_still_where_motion_is_not_wanted(
    browser: Browser, page: Path, motion: str, kind: str
) -> None:
    browser.open(page, *WIDE, motion=motion)
    source = browser.ask("document.querySelector('picture img').currentSrc")
    assert source.startswith(f"data:image/{kind};")


def test_all_but_the_slider_works_without_scripts(browser: Browser, page: Path) -> None:
    browser.open(page, *PHONE, scripts=False)
    assert browser.ask("document.querySelector('.controls').hidden") is True
    assert "Without JavaScript only the last snapshot is shown" in browser.ask("document.body.innerText")
    assert browser.ask("document.getElementById('frame').naturalWidth") == 62
    assert browser.ask("document.documentElement.scrollWidth") == PHONE[0]
