"""The page's structure; `test_browser.py` looks at what a browser makes of it."""

import html
import itertools
import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from report_runs import SCORES, make_bare_run, make_run, make_system

from dcgan_lightning.pictures import decode_png, encode_png
from dcgan_lightning.reports import gather, render, write_report

VOID = {"meta", "link", "img", "input", "source", "br"}


class Page(HTMLParser):
    """Elements of a page, whose tags must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture
def full(tmp_path: Path) -> Page:
    return Page(render(gather(make_run(tmp_path / "run"))))


@pytest.fixture
def bare(tmp_path: Path) -> Page:
    return Page(render(gather(make_bare_run(tmp_path / "run"))))


@pytest.mark.parametrize("which", ["full", "bare"])
def test_structure(which: str, request: pytest.FixtureRequest) -> None:
    page = request.getfixturevalue(which)
    assert page.elements[0] == ("html", {"lang": "en"})
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)
    for attributes in page.all("section"):
        assert attributes["aria-labelledby"] in identifiers
    for attributes in page.all("label"):
        assert attributes["for"] in identifiers
    assert all(attributes["alt"] for attributes in page.all("img"))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("which", ["full", "bare"])
def test_nothing_is_fetched(which: str, request: pytest.FixtureRequest) -> None:
    page = request.getfixturevalue(which)
    for _, attributes in page.elements:
        for name in ("src", "srcset", "href"):
            assert (attributes.get(name) or "#").startswith(("data:", "#"))
    (policy,) = [meta for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert (policy["content"] or "").startswith("default-src 'none'; img-src data:;")


def test_texts_of_the_run_are_escaped(tmp_path: Path) -> None:
    page = render(gather(make_run(tmp_path / "run")))
    assert "alert(1)" in page
    assert "<script>alert(1)" not in page
    assert "_phone_&lt;b&gt;&amp;amp;&lt;/b&gt;" in page


def test_what_the_head_says(full: Page) -> None:
    assert "Epoch 4 of 9, 20 iterations, 20 s of training." in full.text
    assert "Fréchet distance 40, where real images have 1." in full.text
    assert "0.0002 and 0.0001" in full.text
    assert "CPU, 1 thread" in full.text
    assert "2.99" in full.text


def test_the_head_names_both_domains(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    settings = OmegaConf.load(folder / "config.yaml")
    settings.data = {
        "_target_": "dcgan_lightning.data.FashionMNISTDomains",
        "domains": ["ankle_boot", "negative"],
    }
    OmegaConf.save(settings, folder / "config.yaml")
    assert "Fashion-MNIST: ankle boot and negative" in Page(render(gather(folder))).text


def test_scores_stand_beside_their_anchors(full: Page) -> None:
    assert "40 ± 0.76" in full.text
    assert "0.00004" in full.text
    assert len([bar for bar in full.all("div") if bar.get("class") == "bar"]) == 2  # copies have none
    assert "T-shirt40.0%" in full.text


def test_other_score_files_are_folded(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    other = SCORES | {"epochs": 1, "anchors": None}
    (folder / "scores" / "epoch_0001.json").write_text(json.dumps(other))
    page = Page(render(gather(folder)))
    assert len(page.all("details")) == 4
    assert page.text.index("Checkpoint last") < page.text.index("Checkpoint epoch 0001")
    (folder / "scores" / "last.json").unlink()
    assert "There are no anchors to read these numbers by" in Page(render(gather(folder))).text


def test_baselines_are_no_anchors(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    baselines = {"untranslated": SCORES["mean"], "real images": SCORES["mean"]}
    (folder / "scores" / "last.json").write_text(json.dumps(SCORES | {"anchors": baselines}))
    page = Page(render(gather(folder)))
    assert "beside the same number of the baselines in the other columns" in page.text
    assert "On the bars" not in page.text
    assert not [bar for bar in page.all("div") if bar.get("class") == "bar"]


def test_wide_grids_have_the_width_of_the_page(tmp_path: Path) -> None:
    """Grids of translations hold several images for each input."""
    folder = make_run(tmp_path / "run")

    def layouts() -> list[str | None]:
        page = Page(render(gather(folder)))
        return [each["class"] for each in page.all("div") if (each.get("class") or "").startswith("two")]

    assert layouts()[:2] == ["two flip", "two"]
    for path in (folder / "samples").glob("sample_*.png"):
        path.write_bytes(encode_png(np.tile(decode_png(path.read_bytes()), (1, 3))))
    assert layouts()[:2] == ["two flip wide", "two wide"]


def test_scores_of_the_training_stand_alone_too(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (folder / "scores" / "last.json").unlink()
    page = Page(render(gather(folder)))
    assert "Scores during the training" in page.text
    assert "Fréchet distance (lower is better) 40.00" in page.text
    assert "Precision (higher is better) 0.40" in page.text
    assert "There are no scores beside anchors yet" in page.text


def test_what_is_missing_is_said_in_a_sentence_each(bare: Page) -> None:
    for sentence in (
        "There is no history, so how far the training came is not known.",
        "There are no sample grids: the run has drawn none.",
        "There are too few grids to compare.",
        "There is no film: callbacks.film was off, or the run has not ended.",
        "There are no curves: callbacks.history was off.",
        "There are no scores beside anchors yet. It takes a checkpoint, and the run has none.",
        "There is no picture of the nearest training images yet. It takes a checkpoint",
        "There is no atlas yet. It takes a checkpoint, and the run has none.",
        "There is no networks.txt.",
    ):
        assert sentence in bare.text
    assert bare.all("img") == []


@pytest.mark.parametrize("name", ["run", "it's 50 %", "k=v,[a]", "größe", "2024", "a`b`$HOME", "<b>&"])
@pytest.mark.parametrize("is_below", [True, False])
def test_suggested_commands_name_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_below: bool
) -> None:
    """Pasted where the report was written, Hydra gets the run's folder, whatever it is called."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    folder = make_bare_run((here if is_below else tmp_path) / "outputs" / name)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "last.ckpt").write_bytes(b"damaged, which is another matter")
    page = render(gather(folder))
    commands = [html.unescape(text) for text in re.findall(r'<pre class="command"[^>]*>(.*?)</pre>', page)]
    assert [shlex.split(command)[:3] for command in commands] == [
        ["python", "-m", f"dcgan_lightning.{module}"] for module in ("evaluate", "evaluate", "generate")
    ]
    assert shlex.split(commands[2])[-1] == "mode=atlas"
    for command in commands:
        parsed = OverridesParser.create().parse_override(shlex.split(command)[3])
        assert parsed.key_or_group == "ckpt_path"
        value = OmegaConf.create({"path": parsed.value()}).path
        assert Path(value).resolve() == folder
        assert Path(value).is_absolute() != is_below


def test_the_same_run_makes_the_same_bytes(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    path = write_report(folder)
    before = path.read_bytes()
    assert path == folder / "report.html"
    assert write_report(folder).read_bytes() == before


def test_the_report_of_a_long_run_stays_small(tmp_path: Path) -> None:
    """50 epochs of the recipe leave 300 grids, of four times the pixels here; noise compresses worst."""
    folder = make_run(tmp_path / "run", epochs=60)
    assert len(list((folder / "samples").glob("sample_*.png"))) == 300
    assert write_report(folder).stat().st_size < 5_000_000 / 4


@pytest.mark.parametrize(
    ("inputs", "panels", "caption"),
    [
        ("images", ("input", "output"), "; in each group from left to right: input, output."),
        (None, ("image",), "."),
    ],
    ids=["translator", "other"],
)
def test_a_system_that_makes_no_images_from_noise(
    tmp_path: Path, inputs: str | None, panels: tuple[str, ...], caption: str
) -> None:
    folder = make_run(tmp_path / "run")
    make_system(folder, inputs, panels)
    for name in ("scores/last.json", "scores/last_nearest.png", "generated/atlas_seed_0/atlas.png"):
        (folder / name).unlink()
    (folder / "generated" / "atlas_seed_0" / "000.png").unlink()
    (folder / "history" / "scores.csv").unlink()
    (folder / "config.yaml").write_text((folder / "config.yaml").read_text().replace("Fashion", "Other"))
    text = render(gather(folder))
    page = Page(text)
    assert "Other, report of a run" in page.text
    assert f"What the networks make at epoch 4, iteration 5{caption}" in page.text
    for word in ("noise", "garment", "lightning.generate", "atlas", "notebook"):
        assert word not in page.text.lower(), word
    assert ('<pre class="command"' in text) == (inputs is not None)  # evaluate takes translators only


def test_scores_of_any_name_are_shown(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    scores = {"mean": {"label_kept": 0.87, "frechet_distance": 3.0}, "spread": {"label_kept": 0.01}}
    scores |= {"anchors": {"nearest_edges": {"label_kept": 0.25}}}
    (folder / "scores" / "last.json").write_text(json.dumps(SCORES | scores))
    (folder / "history" / "scores.csv").write_text("epoch,seconds,label_kept\n1,2.0,0.5\n2,2.0,0.75\n")
    page = Page(render(gather(folder)))
    assert "Label kept0.87 ± 0.01" in re.sub(r"\s*\n\s*", "", page.text)
    assert "nearest edges" in page.text
    assert "Label kept 0.75" in page.text
