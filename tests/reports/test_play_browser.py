"""The play page in a real browser: its pictures against PyTorch's, its controls by mouse and keyboard."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from headless_browser import CONTRASTS, LEAST_CONTRAST, Browser, missing_browser, wait_until
from hydra import compose, initialize_config_dir
from PIL import Image

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.inference.pretrained import load_generator
from dcgan_lightning.inference.translators import load_translators
from dcgan_lightning.networks.sampling import sample_images, sample_noise
from dcgan_lightning.networks.translator import make_inputs, translate_images
from dcgan_lightning.play import play

pytestmark = pytest.mark.skipif(missing_browser() is not None, reason=str(missing_browser()))

WIDE, PHONE = (1280, 900), (390, 844)
# The bytes on a canvas, row by row.
PIXELS = """(id => { const canvas = document.getElementById(id);
  return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]
    .filter((_, i) => i % 4 === 0); })"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.driver.quit()


def write_page(folder: Path, ckpt_path: Path | str, *overrides: str) -> Path:
    given = (f"ckpt_path={ckpt_path}", f"output_dir={folder}", "data=synthetic", "data.count=40", *overrides)
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        return play(compose("play", overrides=[*given, "data.batch_size=4"]))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(tmp_path_factory.mktemp("shipped"), "pretrained", "quiz=12")


@pytest.fixture(scope="module")
def small_page(tmp_path_factory: pytest.TempPathFactory, conditional_run: Path) -> Path:
    return write_page(tmp_path_factory.mktemp("small"), conditional_run, "quiz=12")


def picture(browser: Browser, canvas: str = "picture") -> list[int]:
    pixels: list[int] = browser.ask(f"{PIXELS}('{canvas}')")
    return pixels


def text(browser: Browser, identifier: str) -> str:
    content: str = browser.ask(f"document.getElementById('{identifier}').textContent")
    return content


def rest(browser: Browser) -> None:
    """Wait until what was asked for has been drawn."""
    browser.driver.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
    )


def click(browser: Browser, identifier: str) -> None:
    browser.driver.find_element("id", identifier).click()
    rest(browser)


def show_number(browser: Browser, number: int) -> None:
    field = browser.driver.find_element("id", "number")
    field.clear()
    field.send_keys(str(number), "\n")
    rest(browser)


def focus(browser: Browser, selector: str, place: int = 0) -> None:
    browser.driver.execute_script(f"document.querySelectorAll({json.dumps(selector)})[{place}].focus()")


@pytest.mark.parametrize("which", ["shipped", "trained_run", "conditional_run"])
def test_every_picture_is_pytorchs_within_one_grey_level(
    browser: Browser, request: pytest.FixtureRequest, tmp_path: Path, which: str, page: Path
) -> None:
    source = "pretrained" if which == "shipped" else request.getfixturevalue(which)
    generator = load_generator(source)
    numbers = [0, 1, 255, 256, 999_999_999]
    browser.open(page if which == "shipped" else write_page(tmp_path, source, "quiz=0"), *WIDE)
    for index in {0, max(generator.classes - 1, 0)}:
        if generator.classes:
            browser.driver.execute_script(f"document.querySelectorAll('#classes input')[{index}].click()")
        for number in numbers:
            show_number(browser, number)
            label = index if generator.classes else None
            (image,) = sample_images(generator, 1, first=number, label=label).int().flatten(1)
            shown = torch.tensor(picture(browser))
            assert (shown - image).abs().max() <= 1, (index, number)
            noise = browser.ask(f"Array.from(window.player.noise({number}))")
            expected = sample_noise(generator.latent_dim, 1, first=number)[0]
            assert np.allclose(noise, expected, atol=2e-6)


def test_many_pictures_and_mixtures_of_classes(browser: Browser, page: Path) -> None:
    generator = load_generator("pretrained")
    browser.open(page, *WIDE)
    mixtures = torch.rand(10, 10, generator=torch.Generator().manual_seed(0)).softmax(1)
    noise = sample_noise(64, 10, seed=5)
    with torch.no_grad():
        expected = generator(noise, mixtures).flatten(1)
    inputs = json.dumps([noise.tolist(), mixtures.tolist()])
    script = f"(([z, m]) => z.map((row, i) => Array.from(window.player.make(row, m[i]))))({inputs})"
    assert np.allclose(browser.ask(script), expected, atol=1e-4)  # a grey level is 0.008


def test_new_and_again(browser: Browser, page: Path) -> None:
    browser.open(page, *WIDE)
    rest(browser)
    first = picture(browser)
    click(browser, "new")
    second, caption = picture(browser), text(browser, "caption")
    assert second != first
    focus(browser, ".direction")
    browser.press("ARROW_RIGHT", "ARROW_RIGHT", "PAGE_UP")
    rest(browser)
    assert picture(browser) != second
    assert text(browser, "caption").endswith(", changed")
    click(browser, "again")
    assert picture(browser) == second
    assert text(browser, "caption") == caption


def test_sliders_move_along_their_directions(browser: Browser, page: Path) -> None:
    generator = load_generator("pretrained")
    browser.open(page, *WIDE)
    browser.driver.find_element("css selector", "#classes label:nth-of-type(9)").click()  # a bag
    show_number(browser, 7)
    names = browser.ask("[...document.querySelectorAll('.direction')].map(s => s.getAttribute('aria-label'))")
    place = names.index("dark to bright")
    focus(browser, ".direction", place)
    browser.press(*["ARROW_LEFT"] * 12)
    focus(browser, "#truncation")
    browser.press(*["ARROW_LEFT"] * 4)
    rest(browser)
    vector = torch.tensor(browser.ask(f"window.player.page.directions[{place}].vector"))
    noise = 0.8 * sample_noise(64, 1, first=7) - 1.2 * vector
    with torch.no_grad():
        image = generator(noise, torch.tensor([8])).flatten() * 127.5 + 127.5
    assert (torch.tensor(picture(browser)) - image).abs().max() <= 1
    assert text(browser, "repeat") == ""
    slider = browser.driver.find_elements("css selector", ".direction")[place]
    before = picture(browser)
    slider.click()  # the middle: as it was
    assert wait_until(lambda: picture(browser) != before)
    assert text(browser, "repeat").endswith("class=bag first=7 n=1 truncation=0.8")


def test_the_map_by_mouse_and_keyboard(browser: Browser, small_page: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    browser.open(small_page, *WIDE)
    click(browser, "tab-map")
    assert wait_until(lambda: browser.ask("document.getElementById('map-area').dataset.drawn") == "81")
    assert len({*picture(browser, "map-canvas")}) > 5
    area = browser.driver.find_element("id", "map-area")
    seen = []
    actions = ActionChains(browser.driver, duration=20)
    actions.move_to_element_with_offset(area, -200, -200).click_and_hold().perform()
    for _ in range(3):
        ActionChains(browser.driver, duration=20).move_by_offset(120, 110).perform()
        rest(browser)
        seen.append((tuple(picture(browser)), text(browser, "caption")))
    ActionChains(browser.driver).release().perform()
    ActionChains(browser.driver, duration=20).move_by_offset(-90, -90).perform()
    rest(browser)
    assert (tuple(picture(browser)), text(browser, "caption")) == seen[-1]  # not dragged any more
    assert len({*seen}) == 3
    words = [re.search(r"on the map, (\d+) % across and (\d+) % down", caption) for _, caption in seen]
    assert [int(word[1]) for word in words if word] == sorted(int(word[1]) for word in words if word)
    focus(browser, "#map-area")
    browser.press("ARROW_LEFT", "ARROW_UP", "ARROW_UP")
    rest(browser)
    assert text(browser, "caption") != seen[-1][1]
    click(browser, "other-map")
    assert "50 % across and 50 % down" in text(browser, "caption")


def test_the_walk_plays_and_stops(browser: Browser, small_page: Path) -> None:
    browser.open(small_page, *WIDE)
    click(browser, "tab-walk")
    browser.driver.find_element("id", "wander").click()
    start = picture(browser)
    click(browser, "walking")
    assert text(browser, "walking") == "Stop"
    assert wait_until(lambda: picture(browser) != start)
    trail = "document.querySelector('#trail :last-child')"
    assert wait_until(
        lambda: browser.ask(f"{trail}.getContext('2d').getImageData(0, 0, 28, 28).data.some(v => v)")
    )
    click(browser, "walking")
    stopped = picture(browser)
    rest(browser)
    assert picture(browser) == stopped
    assert "between numbers" in text(browser, "caption")


def test_mixing_two_garments(browser: Browser, page: Path) -> None:
    browser.open(page, *WIDE)
    click(browser, "tab-mix")
    browser.driver.execute_script(
        "for (const [id, value] of [['first-class', 9], ['second-class', 1]]) {"
        "const choice = document.getElementById(id); choice.value = value;"
        "choice.dispatchEvent(new Event('change')); }"
    )
    rest(browser)
    assert text(browser, "caption").startswith("50 % trouser, 50 % ankle boot")
    focus(browser, "#share")
    browser.press("HOME")
    rest(browser)
    assert picture(browser) == picture(browser, "first-picture")
    assert text(browser, "caption").startswith("ankle boot")
    browser.press("END")
    rest(browser)
    assert picture(browser) == picture(browser, "second-picture")
    before = picture(browser, "second-picture")
    click(browser, "second-new")
    assert picture(browser, "second-picture") != before
    click(browser, "new")
    assert "number" in text(browser, "caption")


def test_the_quiz_by_mouse_and_keyboard(browser: Browser, small_page: Path) -> None:
    browser.open(small_page, *PHONE)
    focus(browser, "[role=tab]")
    browser.press("END")  # the last tab
    assert browser.ask("document.getElementById('quiz').hidden") is False
    assert not browser.driver.find_element("id", "new").is_displayed()
    right = 0
    real = set()
    for number in range(10):
        assert text(browser, "score") == f"{right} of {number} right"
        if number % 2:
            click(browser, "generated")
        else:
            focus(browser, "#real")
            browser.press("ENTER")
        answer = text(browser, "question")
        is_real = "It is real" in answer
        real |= {is_real}
        assert is_real is not ("made it up" in answer)
        assert answer.startswith("Right." if is_real is (number % 2 == 0) else "Wrong.")
        right += is_real is (number % 2 == 0)
        if number < 9:
            browser.press("ENTER")  # "Next" has the focus
    assert f"{right} of 10 right; guessing gives 5" in text(browser, "question")
    assert browser.ask("document.querySelectorAll('#rounds li').length") == 10
    assert browser.ask("document.querySelectorAll('#rounds .right').length") == right
    assert len(real) == 2  # one chance in 512 to see one kind only
    click(browser, "next")
    assert text(browser, "score") == "0 of 0 right"
    click(browser, "tab-change")
    assert browser.driver.find_element("id", "new").is_displayed()


def test_a_saved_picture_carries_its_seed(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page, *WIDE)
    browser.tell("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.driver.find_element("css selector", "#classes label:nth-of-type(8)").click()
    show_number(browser, 12)
    click(browser, "save")
    target = tmp_path / "Garments_from_noise_sneaker_seed_0_number_12.png"
    assert wait_until(target.is_file)
    saved = Image.open(target)
    saved.load()
    assert saved.size == (280, 280)
    small = np.asarray(saved.convert("L"))[5::10, 5::10]
    assert small.flatten().tolist() == picture(browser)
    recipe: dict[str, Any] = json.loads(saved.info["Description"])
    assert (recipe["seed"], recipe["number"], recipe["classes"]) == (0, 12, "sneaker")
    assert np.allclose(recipe["noise"], sample_noise(64, 1, first=12)[0], atol=2e-6)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_can_be_read_and_fetches_nothing(
    browser: Browser, small_page: Path, return_page: Path, size: tuple[int, int], scheme: str
) -> None:
    browser.open(small_page, *size, scheme=scheme)
    tabs = browser.ask("[...document.querySelectorAll('[role=tab]')].map(tab => tab.id)")
    for tab in (*tabs, None):
        if tab is None:
            assert_quiet(browser)
            browser.open(return_page, *size, scheme=scheme)
            rest(browser)
        else:
            click(browser, tab)
        assert browser.ask("document.documentElement.scrollWidth") <= size[0]
        contrasts = browser.ask(CONTRASTS)
        assert len(contrasts) > 10
        assert [(words, ratio) for words, ratio in contrasts if ratio < LEAST_CONTRAST] == []
        targets = browser.ask(
            "[...document.querySelectorAll('button, select, input')].filter(e => e.getClientRects().length)"
            ".map(e => e.getBoundingClientRect()).map(r => [r.width, r.height, r.right])"
        )
        assert all(width >= 20 and height >= 20 and right <= size[0] for width, height, right in targets)
    assert_quiet(browser)


def assert_quiet(browser: Browser) -> None:
    """Nothing was fetched, and the browser has nothing to complain about."""
    assert browser.requests() == []
    assert browser.driver.get_log("browser") == []


@pytest.fixture(scope="module")
def drawing_page(tmp_path_factory: pytest.TempPathFactory, pix2pix_run: Path) -> Path:
    return write_page(tmp_path_factory.mktemp("drawing"), pix2pix_run)


@pytest.fixture(scope="module")
def return_page(tmp_path_factory: pytest.TempPathFactory, cyclegan_run: Path) -> Path:
    folder = tmp_path_factory.mktemp("return")
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        return play(compose("play", overrides=[f"ckpt_path={cyclegan_run}", f"output_dir={folder}"]))


def translated(run: Path, direction: str, pixels: list[int]) -> torch.Tensor:
    network = load_translators(run).networks[direction]
    inputs = torch.tensor(pixels, dtype=torch.uint8).view(1, 1, 28, 28)
    return translate_images(network, inputs).flatten().int()


def is_within_one_level(shown: list[int], expected: torch.Tensor) -> bool:
    return int((torch.tensor(shown) - expected).abs().max()) <= 1


def test_what_is_drawn_becomes_pytorchs_image(
    browser: Browser, drawing_page: Path, pix2pix_run: Path
) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    browser.open(drawing_page, *WIDE)
    rest(browser)
    network = load_translators(pix2pix_run).networks["to_image"]
    images = SyntheticDataModule(count=40, batch_size=4).load_images("test")
    for number in (0, 5):
        browser.driver.find_elements("css selector", "#examples button")[number].click()
        rest(browser)
        example = make_inputs(network, images[number : number + 1])
        assert picture(browser, "input") == example.flatten().tolist()
        assert is_within_one_level(picture(browser, "output"), translate_images(network, example).flatten())
        assert picture(browser, "third") == images[number].flatten().tolist()
        assert f"first={number} n=1" in text(browser, "repeat")
    click(browser, "clear")
    assert {*picture(browser, "input")} == {0}
    board = browser.driver.find_element("id", "board")
    side = board.size["width"] / 28
    before = picture(browser, "output")
    ActionChains(browser.driver, duration=10).move_to_element_with_offset(
        board, round(-9.5 * side), round(-4.5 * side)
    ).click_and_hold().move_by_offset(round(10 * side), round(5 * side)).release().perform()
    rest(browser)
    line = picture(browser, "input")
    drawn = [(i // 28, i % 28) for i, value in enumerate(line) if value]
    assert (drawn[0], drawn[-1], len(drawn)) == ((9, 4), (14, 14), 11)  # thin and without gaps
    assert {line[row * 28 + column] for row, column in drawn} == {255}
    assert is_within_one_level(picture(browser, "output"), translated(pix2pix_run, "to_image", line))
    assert picture(browser, "output") != before
    assert text(browser, "input-caption") == "Your drawing"
    assert text(browser, "repeat") == ""
    ActionChains(browser.driver, duration=10).move_to_element(board).perform()
    assert picture(browser, "input") == line  # the button is up


def test_the_canvas_by_keyboard(browser: Browser, drawing_page: Path, pix2pix_run: Path) -> None:
    browser.open(drawing_page, *PHONE)
    rest(browser)
    focus(browser, "#board")
    browser.press("DELETE", "ARROW_LEFT", "SPACE", *["ARROW_DOWN"] * 3, "SPACE", "ARROW_DOWN")
    rest(browser)
    drawn = picture(browser, "input")
    assert [(i // 28, i % 28) for i, value in enumerate(drawn) if value] == [
        (row, 13) for row in (14, 15, 16, 17)
    ]
    assert is_within_one_level(picture(browser, "output"), translated(pix2pix_run, "to_image", drawn))
    focus(browser, "#thickness")
    browser.press("END")
    focus(browser, "#board")
    browser.press("SPACE", "SPACE")
    assert sum(value > 0 for value in picture(browser, "input")) > 10
    browser.driver.find_element("css selector", "#tones label:nth-of-type(2)").click()
    focus(browser, "#board")
    browser.press("SPACE", "SPACE")
    assert sum(value > 0 for value in picture(browser, "input")) < 4
    click(browser, "undo")
    click(browser, "undo")
    assert picture(browser, "input") == drawn


def test_there_and_back(browser: Browser, return_page: Path, cyclegan_run: Path) -> None:
    browser.open(return_page, *WIDE)
    rest(browser)
    for direction, back, chip in (("a_to_b", "b_to_a", 0), ("b_to_a", "a_to_b", 1)):
        browser.driver.find_elements("css selector", "#ways label")[chip].click()
        rest(browser)
        first = picture(browser, "output")
        browser.driver.find_elements("css selector", "#examples button")[1].click()
        rest(browser)
        made = picture(browser, "output")
        assert made != first
        assert is_within_one_level(made, translated(cyclegan_run, direction, picture(browser, "input")))
        assert is_within_one_level(picture(browser, "third"), translated(cyclegan_run, back, made))
        assert f"direction={direction} first=1 n=1" in text(browser, "repeat")
    click(browser, "return")
    assert picture(browser, "input") == made
    assert browser.ask("document.querySelector('#ways input').checked")
    assert is_within_one_level(picture(browser, "output"), translated(cyclegan_run, "a_to_b", made))


def test_tab_reaches_every_control(browser: Browser, small_page: Path) -> None:
    browser.open(small_page, *WIDE)
    reached = []
    for _ in range(14):
        browser.press("TAB")
        reached.append(browser.ask("document.activeElement.id || document.activeElement.className"))
        assert browser.ask("document.activeElement.matches(':focus-visible')")
    assert reached[:3] == ["new", "again", "save"]
    assert {"tab-change", "truncation", "direction", "number"} <= {*reached}
