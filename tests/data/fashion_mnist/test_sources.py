import gzip
import hashlib
import http.server
import os
import socket
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import leftover

from dcgan_lightning.core import heartbeat
from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.temporaries import is_temporary, temporary_path
from dcgan_lightning.data.cache_folder import default_cache_dir
from dcgan_lightning.data.fashion_mnist import fetch, sources
from dcgan_lightning.data.fashion_mnist.idx import FASHION_MNIST, IdxFile
from dcgan_lightning.data.fashion_mnist.located import Located, load_images, load_labels
from dcgan_lightning.data.fashion_mnist.sources import locate

NAMES = [file.name for file in FASHION_MNIST.values()]
COUNTS = {"train": 40, "test": 10}


def made_up_files():
    """Return small files of the right form: key to (shape, content)."""
    random = np.random.default_rng(0)
    files = {}
    for split, count in COUNTS.items():
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = random.integers(0, 10, count, dtype=np.uint8)
        files[f"{split}_images"] = images.shape, struct.pack(">4I", 0x803, *images.shape) + images.tobytes()
        files[f"{split}_labels"] = labels.shape, struct.pack(">2I", 0x801, *labels.shape) + labels.tobytes()
    return files


FILES = {FASHION_MNIST[key].name: content for key, (_, content) in made_up_files().items()}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A world of small files: an empty data cache, and neither Debian's folder nor a network."""
    for key, (shape, content) in made_up_files().items():
        file = IdxFile(FASHION_MNIST[key].name, shape, hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(FASHION_MNIST, key, file)

    def no_apt(folder, report):
        raise DataError("apt-get is not on this system")

    monkeypatch.setattr(sources, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(fetch, "mirrors", lambda: [])
    monkeypatch.setattr(fetch, "from_apt", no_apt)
    monkeypatch.setenv("DCGAN_DATA_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put(folder, gzipped=False, files=FILES):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / (f"{name}.gz" if gzipped else name)
        path.write_bytes(gzip.compress(content) if gzipped else content)
    return folder


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def assert_complete(cache):
    raw = cache / "FashionMNIST" / "raw"
    assert files_below(cache) == sorted(f"FashionMNIST/raw/{name}" for name in NAMES)
    assert {name: (raw / name).read_bytes() for name in NAMES} == FILES
    assert not [path for path in cache.iterdir() if is_temporary(path.name)]


def refusal(*args, **options):
    with pytest.raises(DataError) as caught:
        locate(*args, report=lambda sentence: None, **options)
    return str(caught.value)


class Mirror:
    """A server on this machine; ``answers`` maps a path to (status, headers, body)."""

    def __init__(self):
        self.answers = {}
        self.asked = []
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                mirror.asked.append(self.path)
                status, headers, body = mirror.answers.get(self.path, (404, {}, b"no such file"))
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.address = f"http://{self.host}/files/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def offer(self, name, body, length=None):
        self.answers[f"/files/{name}.gz"] = (200, {"Content-Length": str(length or len(body))}, body)

    def offer_all(self):
        for name, content in FILES.items():
            self.offer(name, gzip.compress(content))


@pytest.fixture
def mirror(cache, monkeypatch):
    mirror = Mirror()
    monkeypatch.setattr(fetch, "mirrors", lambda: [mirror.address])
    yield mirror
    mirror.server.shutdown()
    mirror.server.server_close()


# The data cache


def test_the_cache_folder_follows_the_environment(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("DCGAN_DATA_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_cache_dir() == Path("/home/someone/.cache/dcgan_lightning")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert default_cache_dir() == Path("/caches/dcgan_lightning")
    monkeypatch.setenv("DCGAN_DATA_DIR", "~/images")
    assert default_cache_dir() == Path("/home/someone/images")


def test_without_a_home_the_variable_is_named(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DCGAN_DATA_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(DataError, match="no home folder for the data cache; set DCGAN_DATA_DIR=FOLDER"):
        default_cache_dir()


def test_a_complete_cache_is_used_and_left_alone(cache):
    put(cache / "FashionMNIST" / "raw")
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    said = []
    assert locate(report=said.append) == Located(cache / "FashionMNIST" / "raw", "the data cache")
    assert said == ["Fashion-MNIST: found in the data cache, verified"]
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before


def test_gzipped_files_in_the_cache_are_unpacked(cache):
    put(cache / "FashionMNIST" / "raw", gzipped=True)
    assert locate().source == "the data cache"
    assert {name: (cache / "FashionMNIST" / "raw" / name).read_bytes() for name in NAMES} == FILES


@pytest.mark.parametrize("damage", [b"", None, b"changed"], ids=["0 bytes", "missing", "other content"])
def test_a_damaged_cache_is_mended_from_the_next_source(cache, damage):
    raw = put(cache / "FashionMNIST" / "raw")
    if damage is None:
        (raw / NAMES[2]).unlink()
    else:
        (raw / NAMES[2]).write_bytes(damage)
    put(sources.DEBIAN_FOLDER, gzipped=True)
    said = []
    located = locate(report=said.append)
    assert located == Located(raw, f"Debian's package folder {sources.DEBIAN_FOLDER}")
    assert said[0].startswith(
        f"Fashion-MNIST: the data cache is incomplete or damaged, looking elsewhere: {raw / NAMES[2]}: "
    )
    assert said[1] == (
        f"Fashion-MNIST: taken from Debian's package folder {sources.DEBIAN_FOLDER}, verified, "
        f"kept in the data cache {cache}"
    )
    assert_complete(cache)


def test_the_argument_wins_over_the_environment(cache, tmp_path):
    put(sources.DEBIAN_FOLDER, gzipped=True)
    assert locate(cache_dir=tmp_path / "other").folder == tmp_path / "other" / "FashionMNIST" / "raw"
    assert_complete(tmp_path / "other")
    assert not cache.exists()


@pytest.mark.parametrize("given", ["root", "debian"])
def test_a_cache_that_cannot_be_written_is_named_with_the_remedy(cache, tmp_path, given):
    folder = put(tmp_path / "debian")
    cache.write_text("a file where the folder should be")
    message = refusal(folder if given == "root" else None)
    assert message.startswith(f"the data cache {cache} cannot be written (")
    assert message.endswith(
        "choose a folder you can write with DCGAN_DATA_DIR=FOLDER or data.cache_dir=FOLDER"
    )
    assert "\n" not in message


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_cache_in_a_closed_folder_is_named_with_the_remedy(cache, tmp_path):
    cache.parent.chmod(0o700)
    os.seteuid(65534)
    try:
        message = refusal()
    finally:
        os.seteuid(0)
    assert message.startswith(
        f"the data cache {cache} cannot be written (Permission denied); choose a folder"
    )


def test_only_leftovers_of_ours_are_removed(cache):
    raw = put(cache / "FashionMNIST" / "raw")
    killed = leftover(cache, "fetch")
    (killed / "apt").mkdir(parents=True)
    (killed / "apt" / "half.gz").write_bytes(b"x")
    leftover(raw, NAMES[0]).write_bytes(b"x")
    at_work = temporary_path(raw, NAMES[0])
    foreign = [cache / ".tmp-fetch-mine", raw / f".tmp-{NAMES[0]}-mine", cache / "mine"]
    day_ago = time.time() - 24 * 3600 - 60
    for path in (at_work, *foreign):
        path.write_bytes(b"x")
        os.utime(path, (day_ago, day_ago))
    locate()
    assert {*raw.iterdir()} == {*(raw / name for name in NAMES), at_work, foreign[1]}
    assert {*cache.iterdir()} == {cache / "FashionMNIST", foreign[0], foreign[2]}


# A folder of the user's


@pytest.mark.parametrize("gzipped", [False, True], ids=["raw", "gzipped"])
@pytest.mark.parametrize("layout", ["", "FashionMNIST/raw"], ids=["bare", "torchvision"])
def test_a_given_folder_is_used_before_everything_else(cache, tmp_path, layout, gzipped):
    folder = put(tmp_path / "mine" / layout, gzipped)
    located = locate(str(tmp_path / "mine"))
    assert located == Located(cache / "FashionMNIST" / "raw", f"the folder {folder}")
    assert_complete(cache)


def test_raw_and_gzipped_files_may_be_mixed_and_a_raw_name_may_hold_gzip(cache, tmp_path):
    folder = put(tmp_path / "mine")
    (folder / NAMES[0]).write_bytes(gzip.compress(FILES[NAMES[0]]))
    (folder / NAMES[1]).unlink()
    (folder / f"{NAMES[1]}.gz").write_bytes(gzip.compress(FILES[NAMES[1]]))
    locate(folder)
    assert_complete(cache)


def test_a_given_folder_without_the_files_is_an_error_even_with_a_good_cache(cache, tmp_path):
    put(cache / "FashionMNIST" / "raw")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert refusal(empty) == (
        f"data.root={empty} holds none of the four files: neither train-images-idx3-ubyte nor "
        f"train-images-idx3-ubyte.gz (or fashion-mnist_train.csv) is in {empty}/FashionMNIST/raw or {empty}; "
        f"put them there, or leave data.root out"
    )


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("kind", ["missing", "file", "unreadable"])
def test_a_given_folder_that_is_none_is_named(cache, tmp_path, monkeypatch, kind, verify):
    folder = tmp_path / "mine"
    if kind == "file":
        folder.write_bytes(b"x")
    if kind == "unreadable":
        put(folder)
        monkeypatch.setattr(os, "access", lambda path, mode: path != folder)
    assert refusal(folder, verify=verify) == (
        f"data.root={folder} is not a folder that can be read; pass the folder with the files"
    )


@pytest.mark.parametrize("position", range(4))
def test_a_given_folder_with_a_damaged_file_is_an_error_and_fills_no_cache(cache, tmp_path, position):
    put(sources.DEBIAN_FOLDER)
    folder = put(tmp_path / "mine", gzipped=True)
    path = folder / f"{NAMES[position]}.gz"
    path.write_bytes(path.read_bytes()[:-5])
    message = refusal(folder)
    assert message.startswith(f"{path}: damaged gzip data (Compressed file ended")
    assert message.endswith(f"; replace it with an intact copy of {NAMES[position]}")
    assert not cache.exists()


def test_a_given_folder_that_lacks_one_file_is_an_error(cache, tmp_path):
    folder = put(tmp_path / "mine", files={name: FILES[name] for name in NAMES[:3]})
    assert refusal(folder) == f"{folder / NAMES[3]}: missing; put {NAMES[3]} or {NAMES[3]}.gz there"


def test_another_data_set_is_refused_with_the_way_to_use_it(cache, tmp_path):
    other = {name: content[:-1] + bytes([content[-1] ^ 1]) for name, content in FILES.items()}
    assert "another data set needs data.verify=false" in refusal(put(tmp_path / "mine", files=other))


# Without verification


@pytest.fixture
def other_set(tmp_path):
    """Files of the right form but other content, as MNIST or KMNIST have them."""
    images = struct.pack(">4I", 0x803, 3, 28, 28) + bytes(range(196)) * 12
    labels = struct.pack(">2I", 0x801, 3) + bytes([9, 0, 4])
    return {name: images if "images" in name else labels for name in NAMES}


@pytest.mark.parametrize("gzipped", [False, True], ids=["raw", "gzipped"])
@pytest.mark.parametrize("layout", ["", "KMNIST/raw"], ids=["bare", "torchvision"])
def test_any_set_is_used_where_it_lies(cache, tmp_path, other_set, layout, gzipped):
    folder = put(tmp_path / "mine" / layout, gzipped, other_set)
    before = files_below(folder)
    located = locate(tmp_path / "mine", verify=False)
    assert located == Located(folder, f"the folder {folder} (not verified)")
    images, labels = load_images(located, "test", verify=False), load_labels(located, "test", verify=False)
    assert images.dtype == torch.uint8
    assert images.shape == (3, 28, 28)
    assert images.flatten().tolist() == list(range(196)) * 12
    assert labels.dtype == torch.int64
    assert labels.tolist() == [9, 0, 4]
    assert files_below(folder) == before
    assert not cache.exists()


def test_without_verification_a_folder_is_needed(cache):
    put(cache / "FashionMNIST" / "raw")
    assert refusal(verify=False) == "data.verify=false needs a folder to read; pass data.root=FOLDER"


def test_without_verification_an_empty_folder_is_named(cache, tmp_path):
    assert refusal(tmp_path, verify=False).startswith(f"data.root={tmp_path} holds none of the four files")


def test_two_sets_in_one_folder_are_not_guessed_between(cache, tmp_path, other_set):
    for name in ("KMNIST", "MNIST"):
        put(tmp_path / name / "raw", files=other_set)
    assert refusal(tmp_path, verify=False) == (
        f"data.root={tmp_path} holds more than one set of files; "
        f"choose one with data.root={tmp_path / 'MNIST' / 'raw'}"
    )


def test_without_verification_the_form_is_still_checked(cache, tmp_path, other_set):
    other_set[NAMES[3]] = struct.pack(">2I", 0x801, 2) + bytes(2)
    folder = put(tmp_path / "mine", files=other_set)
    assert refusal(folder, verify=False).startswith(
        f"{folder / NAMES[3]}: holds 2 labels for the 3 images of {NAMES[2]}; "
    )
    other_set[NAMES[3]] = struct.pack(">2I", 0x801, 3) + bytes([0, 255, 1])
    put(folder, files=other_set)
    located = locate(folder, verify=False)
    with pytest.raises(DataError) as caught:
        load_labels(located, "test", verify=False)
    assert str(caught.value).startswith(f"{folder / NAMES[3]}: label 1 is 255, expected 0 to 9; ")


# Loading


def test_loading_gives_what_the_files_hold(cache):
    put(sources.DEBIAN_FOLDER, gzipped=True)
    located = locate()
    for split, count in COUNTS.items():
        images, labels = load_images(located, split, verify=True), load_labels(located, split, verify=True)
        assert images.dtype == torch.uint8
        assert images.shape == (count, 28, 28)
        assert images.numpy().tobytes() == FILES[FASHION_MNIST[f"{split}_images"].name][16:]
        assert labels.dtype == torch.int64
        assert labels.tolist() == list(FILES[FASHION_MNIST[f"{split}_labels"].name][8:])


def test_damage_after_locating_is_seen_at_loading(cache):
    put(sources.DEBIAN_FOLDER, gzipped=True)
    located = locate()
    path = located.folder / NAMES[0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte: holds only 31,375 bytes, expected 31,376"):
        load_images(located, "train", verify=True)


def test_no_room_to_unpack_for_loading_is_a_clear_error(cache, tmp_path, other_set, monkeypatch):
    located = locate(put(tmp_path / "mine", True, other_set), verify=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz: cannot be unpacked \(.*with gunzip$"):
        load_images(located, "test", verify=False)


# Mirrors


def test_no_room_to_work_in_is_a_reason_like_others(cache, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device", "apt")

    monkeypatch.setattr(fetch, "from_apt", full)
    assert "fetched with apt-get: [Errno 28] No space left on device" in refusal()


def test_a_mirror_fills_the_cache(cache, mirror):
    mirror.offer_all()
    said = []
    assert locate(report=said.append).source == f"download from {mirror.host}"
    assert_complete(cache)
    assert said[0] == f"Fashion-MNIST: trying download from {mirror.host}"
    size = len(gzip.compress(FILES[NAMES[0]]))
    assert said[1] == f"Fashion-MNIST: {NAMES[0]}.gz downloaded ({size:,} bytes)"
    assert mirror.asked == [f"/files/{name}.gz" for name in NAMES]
    assert locate().source == "the data cache"
    assert len(mirror.asked) == 4


def test_a_terminal_gets_a_progress_bar_instead_of_sentences(cache, mirror, monkeypatch, capsys):
    mirror.offer_all()
    monkeypatch.setattr(fetch, "_has_terminal", lambda: True)
    said = []
    locate(report=said.append)
    assert len(said) == 2  # trying, taken
    assert "train-images-idx3-ubyte.gz: 100%" in capsys.readouterr().err


def test_a_slow_download_without_a_terminal_is_not_silent(cache, mirror, monkeypatch):
    mirror.offer_all()
    stream = fetch._stream

    def slow(*arguments):
        time.sleep(0.1)
        return stream(*arguments)

    monkeypatch.setattr(fetch, "_stream", slow)
    monkeypatch.setattr(heartbeat, "LINE_SECONDS", 0.03)
    said = []
    locate(report=said.append)
    for name in NAMES:
        assert f"Fashion-MNIST: {name}.gz, 0 bytes so far" in said


def test_after_a_failing_mirror_comes_the_next(cache, mirror, monkeypatch):
    mirror.offer_all()
    closed = f"http://127.0.0.1:{free_port()}/"
    monkeypatch.setattr(fetch, "mirrors", lambda: [closed, mirror.address])
    assert locate().source == f"download from {mirror.host}"
    assert_complete(cache)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_host_that_cannot_be_found_is_asked_once(cache, monkeypatch):
    asked = []

    def not_found(host, *args, **options):
        asked.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(fetch, "mirrors", lambda: ["http://mirror.invalid/files/"])
    monkeypatch.setattr(socket, "getaddrinfo", not_found)
    message = refusal()
    assert asked == ["mirror.invalid"]
    assert (
        "\n  download from mirror.invalid: http://mirror.invalid/files/train-images-idx3-ubyte.gz: "
        "Name or service not known\n"
    ) in message


PACKED = gzip.compress(FILES[NAMES[2]])
LIMIT = len(FILES[NAMES[2]]) + 64 * 1024
BAD_ANSWERS = {
    "cut short": (PACKED[:1000], len(PACKED), f"the connection ended after 1,000 of {len(PACKED):,} bytes"),
    "HTML": (b"<html>log in first</html>", None, "is a web page (HTML), not an IDX file"),
    "endless": (bytes(LIMIT + 1), None, f"sends more than the {LIMIT:,} bytes the file can have"),
    "empty": (b"", 0, "is empty (0 bytes)"),
    "bad CRC": (PACKED[:-8] + bytes(4) + PACKED[-4:], None, "damaged gzip data (CRC check failed"),
}


@pytest.mark.parametrize(("body", "length", "reason"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_bad_answer_leaves_nothing_in_the_cache(cache, mirror, body, length, reason):
    mirror.offer_all()
    mirror.offer(NAMES[2], body, length)
    message = refusal()
    assert reason in message
    assert f"\n  download from {mirror.host}: " in message
    assert files_below(cache) == []


def test_a_missing_file_on_the_mirror_is_named(cache, mirror):
    mirror.offer_all()
    del mirror.answers[f"/files/{NAMES[1]}.gz"]
    assert f"{mirror.address}{NAMES[1]}.gz: the server answers 404 Not Found" in refusal()
    assert mirror.asked == [f"/files/{name}.gz" for name in NAMES[:2]]
    assert files_below(cache) == []


def test_a_silent_server_is_given_up(cache, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(fetch, "mirrors", lambda: [f"http://127.0.0.1:{silent.getsockname()[1]}/"])
        monkeypatch.setattr(fetch, "NETWORK_TIMEOUT", 0.2)
        assert "timed out" in refusal()


def test_downloads_can_be_switched_off(cache, mirror):
    mirror.offer_all()
    assert "\n  the network: not tried, downloads are switched off\n" in refusal(download=False)
    assert mirror.asked == []


# Interruptions


@pytest.mark.parametrize("moment", ["first file", "last file"])
def test_an_interrupted_download_leaves_no_file(cache, mirror, monkeypatch, moment):
    mirror.offer_all()
    name = NAMES[0] if moment == "first file" else NAMES[3]
    stream = fetch._stream

    def interrupted(response, target, total, limit):
        received = stream(response, target, total, limit)
        assert target.exists()
        if target.name == f"{name}.gz":
            raise KeyboardInterrupt
        return received

    monkeypatch.setattr(fetch, "_stream", interrupted)
    with pytest.raises(KeyboardInterrupt):
        locate()
    assert list(cache.iterdir()) == []


def test_an_interrupted_verification_leaves_no_file(cache, mirror, monkeypatch):
    mirror.offer_all()
    read = sources.read_idx_bytes

    def interrupted(path, expected):
        if expected is FASHION_MNIST["test_labels"]:
            raise KeyboardInterrupt
        return read(path, expected)

    monkeypatch.setattr(sources, "read_idx_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        locate()
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left")], ids=["^C", "full"])
def test_an_interrupted_write_leaves_whole_files_only_and_the_next_start_completes_them(
    cache, monkeypatch, error
):
    put(sources.DEBIAN_FOLDER, gzipped=True)
    fsync, replaced = os.fsync, []

    def interrupted(handle):
        replaced.append(handle)
        if len(replaced) == 3:  # a file, its folder, the second file
            raise error
        fsync(handle)

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else DataError):
        locate()
    assert files_below(cache) == [f"FashionMNIST/raw/{NAMES[0]}"]
    assert (cache / "FashionMNIST" / "raw" / NAMES[0]).read_bytes() == FILES[NAMES[0]]
    monkeypatch.setattr(os, "fsync", fsync)
    locate()
    assert_complete(cache)


def test_several_at_once_do_not_disturb_each_other(cache, mirror):
    mirror.offer_all()
    start, located = threading.Barrier(6), []

    def prepare():
        start.wait()
        located.append(locate(report=lambda sentence: None).folder)

    threads = [threading.Thread(target=prepare) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert located == [cache / "FashionMNIST" / "raw"] * 6
    assert_complete(cache)


# apt-get


@pytest.fixture
def tools(cache, tmp_path, monkeypatch):
    """A folder of commands that is the whole PATH; ``tools(name, script)`` adds one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(name, script):
        path = folder / name
        path.write_text(f"#!/bin/sh\nPATH=/bin:/usr/bin\n{script}\n")
        path.chmod(0o755)

    return add


@pytest.fixture
def workshop(tmp_path):
    return tmp_path / "workshop"


UNPACK = 'mkdir -p "$3/usr/share/datasets/fashion-mnist"; cp {files}/* "$3/usr/share/datasets/fashion-mnist/"'


REAL_FROM_APT = fetch.from_apt  # the fixture `cache` replaces it


def from_apt(folder):
    said = []
    return REAL_FROM_APT(folder, said.append), said


def test_debians_package_is_fetched_with_the_systems_lists(tools, workshop, tmp_path):
    tools("apt-get", 'for last; do :; done; echo "$LC_ALL $@" >> log; touch "${last}_1_all.deb"')
    tools("dpkg-deb", UNPACK.format(files=put(tmp_path / "package", gzipped=True)))
    folder, said = from_apt(workshop)
    assert folder == workshop / "unpacked" / "usr/share/datasets/fashion-mnist"
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.gz" for name in NAMES)
    assert said == ["Fashion-MNIST: fetching Debian's package dataset-fashion-mnist (31 MB) with apt-get"]
    (call,) = (workshop / "log").read_text().splitlines()
    assert call.startswith("C -o Acquire::Retries=1 ")
    assert call.endswith(" download dataset-fashion-mnist")


NEEDS_LISTS = """
echo "$@" >> log
case "$*" in
  *Dir::State::Lists=*update) echo "E: a third-party source is dead" >&2; exit 100;;
  *Dir::State::Lists=*download*) touch dataset-fashion-mnist_1_all.deb;;
  *) echo "Reading..."; echo "E: Unable to locate package dataset-fashion-mnist" >&2; exit 100;;
esac
"""


def test_a_slow_package_is_not_silent(tools, workshop, tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeat, "LINE_SECONDS", 0.03)
    tools("apt-get", "sleep 0.2; touch dataset-fashion-mnist_1_all.deb")
    tools("dpkg-deb", UNPACK.format(files=put(tmp_path / "package", gzipped=True)))
    _, said = from_apt(workshop)
    assert "Fashion-MNIST: apt-get is running: 0 s so far" in said


def test_without_package_lists_private_ones_are_made(tools, workshop, tmp_path):
    tools("apt-get", NEEDS_LISTS)
    tools("dpkg-deb", UNPACK.format(files=put(tmp_path / "package", gzipped=True)))
    folder, said = from_apt(workshop)
    assert len(list(folder.iterdir())) == 4
    assert said[1:] == ["Fashion-MNIST: reading Debian's package lists first, into a temporary folder"]
    plain, update, download = (workshop / "log").read_text().splitlines()
    assert "Dir::" not in plain
    for call, command in ((update, "update"), (download, "download dataset-fashion-mnist")):
        assert f"-o Dir::State::Lists={workshop}/state/lists -o Dir::Cache={workshop}/cache {command}" in call
    assert (workshop / "state" / "lists" / "partial").is_dir()


def test_the_reasons_of_apt_are_handed_on(tools, workshop):
    tools("apt-get", 'echo "E: no route for $#" >&2; echo "E: Some index files failed" >&2; exit 100')
    tools("dpkg-deb", "exit 0")
    with pytest.raises(DataError) as caught:
        from_apt(workshop)
    assert str(caught.value) == (
        "apt-get says 'E: no route for 16', after apt-get says 'E: no route for 15' to the update"
    )


def test_a_command_that_hangs_is_ended(tools, workshop, monkeypatch):
    monkeypatch.setattr(fetch, "COMMAND_TIMEOUT", 0.2)
    tools("apt-get", "exec sleep 30")
    tools("dpkg-deb", "exit 0")
    started = time.monotonic()
    with pytest.raises(DataError, match=r"^apt-get did not end within 0\.2 s"):
        from_apt(workshop)
    assert time.monotonic() - started < 10


def test_a_package_that_cannot_be_unpacked_is_named(tools, workshop):
    tools("apt-get", "touch dataset-fashion-mnist_1_all.deb")
    tools("dpkg-deb", 'echo "dpkg-deb: error: not a Debian format archive" >&2; exit 2')
    with pytest.raises(DataError) as caught:
        from_apt(workshop)
    assert str(caught.value) == "dpkg-deb says 'dpkg-deb: error: not a Debian format archive'"


def test_apt_that_leaves_no_package_is_named(tools, workshop):
    tools("apt-get", "exit 0")
    tools("dpkg-deb", "exit 0")
    with pytest.raises(DataError, match="apt-get ended well but left no package"):
        from_apt(workshop)


def test_each_missing_command_is_named(tools, workshop):
    with pytest.raises(DataError, match=r"^apt-get is not on this system$"):
        from_apt(workshop)
    tools("apt-get", "exit 0")
    with pytest.raises(DataError, match=r"^dpkg-deb is not on this system$"):
        from_apt(workshop)


def test_debians_package_fills_the_cache(cache, monkeypatch):
    monkeypatch.setattr(fetch, "from_apt", lambda folder, report: put(folder / "unpacked", gzipped=True))
    assert locate().source == "Debian's package, fetched with apt-get"
    assert_complete(cache)


# The end of the list


def test_when_all_fails_each_source_has_its_line_and_two_remedies_follow(cache, mirror):
    put(sources.DEBIAN_FOLDER, files={name: FILES[name] for name in NAMES[:3]})
    assert refusal().splitlines() == [
        "Fashion-MNIST was not found and could not be fetched:",
        f"  the data cache {cache}: empty",
        f"  Debian's package folder {sources.DEBIAN_FOLDER}: {sources.DEBIAN_FOLDER / NAMES[3]}: missing; "
        f"put {NAMES[3]} or {NAMES[3]}.gz there",
        f"  download from {mirror.host}: {mirror.address}{NAMES[0]}.gz: the server answers 404 Not Found",
        "  Debian's package, fetched with apt-get: apt-get is not on this system",
        "To fix this, install Debian's package dataset-fashion-mnist, or put the four files "
        "(train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, "
        "t10k-labels-idx1-ubyte.gz) into a folder and pass data.root=FOLDER (or set DCGAN_DATA_DIR to a data "
        "cache that has them).",
    ]
    assert files_below(cache) == []


def test_the_mirrors_are_torchvisions():
    from torchvision.datasets import FashionMNIST

    assert fetch.mirrors() == FashionMNIST.mirrors
    names = [name for name, _ in FashionMNIST.resources]
    assert names == [f"{name}.gz" for name in NAMES]
    assert fetch.host("http://example.org:81/a/b/") == "example.org:81"


# The real files


@pytest.mark.real_data
def test_the_real_files_are_fashion_mnist():
    located = locate()
    images, labels = load_images(located, "train", verify=True), load_labels(located, "train", verify=True)
    assert images.shape == (60_000, 28, 28)
    assert images.double().mean().item() == pytest.approx(72.9404, abs=1e-4)
    assert (images.min().item(), images.max().item()) == (0, 255)
    assert labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert labels.bincount().tolist() == [6_000] * 10


@pytest.mark.real_data
def test_the_real_test_files_are_fashion_mnist():
    located = locate()
    images, labels = load_images(located, "test", verify=True), load_labels(located, "test", verify=True)
    assert images.shape == (10_000, 28, 28)
    assert labels[:5].tolist() == [9, 2, 1, 1, 6]
    assert labels.bincount().tolist() == [1_000] * 10


@pytest.mark.real_data
def test_the_real_files_equal_those_torchvision_reads():
    from torchvision.datasets import FashionMNIST

    located = locate()
    reference = FashionMNIST(located.folder.parents[1], train=False)
    assert torch.equal(load_images(located, "test", verify=True), reference.data)
    assert torch.equal(load_labels(located, "test", verify=True), reference.targets)
