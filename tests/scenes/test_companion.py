"""Names that files give: what is read of the folder, and every way out of it that is refused."""

import os
import signal
import socket
import unicodedata
from pathlib import Path

import pytest

from zoetrope.scenes.companion import companion, find_companion, require_regular_file
from zoetrope.scenes.error import InputError

posix = pytest.mark.skipif(os.name != "posix", reason="pipes, devices and links as POSIX has them")


@pytest.fixture(autouse=True)
def hang_is_a_failure():
    """A reader that waits for a pipe fails its test after a minute, whatever it does with exceptions."""
    waited = []

    def expired(*_):
        waited.append(True)
        raise TimeoutError("something waits, perhaps for a pipe")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    assert not waited, "something waited, perhaps for a pipe"


@pytest.fixture
def folder(tmp_path):
    """A folder with a file and a sub-folder, beside it what must not be read."""
    (tmp_path / "secret.bin").write_bytes(b"secret")
    inside = tmp_path / "model"
    (inside / "textures").mkdir(parents=True)
    (inside / "textures" / "coat base.png").write_bytes(b"coat")
    (inside / "a.bin").write_bytes(b"a")
    return inside


@pytest.mark.parametrize("name", ["a.bin", "./a.bin", "textures/../a.bin", "textures\\..\\a.bin", "../model/a.bin"])
@pytest.mark.parametrize("uri", [False, True])
def test_plain_names_are_found(folder, name, uri):
    assert companion(folder, name, uri=uri).read_bytes() == b"a"


@pytest.mark.parametrize("name", ["textures/coat base.png", "textures\\coat base.png", "Textures/Coat Base.PNG"])
@pytest.mark.parametrize("uri", [False, True])
def test_separators_and_capitals_are_understood(folder, name, uri):
    assert companion(folder, name, uri=uri).read_bytes() == b"coat"


def test_percent_encoding_is_undone_where_names_are_uris(folder):
    name = "textures/coat%20base.png"
    assert companion(folder, name, uri=True).read_bytes() == b"coat"
    assert companion(folder, name + "?v=2#top", uri=True).read_bytes() == b"coat"
    assert find_companion(folder, name) is None
    (folder / "100%25.png").write_bytes(b"as it stands")
    assert companion(folder, "100%25.png", uri=True).read_bytes() == b"as it stands"
    (folder / "100%.png").write_bytes(b"decoded")
    assert companion(folder, "100%25.png", uri=True).read_bytes() == b"decoded"


@posix
def test_backslashes_may_be_part_of_a_name_on_disk(folder):
    (folder / "maps\\coat.png").write_bytes(b"unpacked on another system")
    assert companion(folder, "maps\\coat.png").read_bytes() == b"unpacked on another system"


OUT = [
    "../secret.bin",
    "../missing.bin",
    "..\\secret.bin",
    "textures/../../secret.bin",
    "textures\\..\\..\\secret.bin",
    "./../secret.bin",
    "../model/../secret.bin",
    "/etc/passwd",
    "\\etc\\passwd",
    "//server/share/x",
    "\\\\server\\share\\x",
    "\\\\?\\C:\\x",
    "C:\\secret.bin",
    "c:/secret.bin",
    "c:secret.bin",
    "file:///etc/passwd",
    "FILE:/etc/passwd",
    "http://localhost/x",
    "",
    " ",
    "a.bin\0.png",
    "\ud800.png",
]
ENCODED = [
    "..%2Fsecret.bin",
    "..%2fsecret.bin",
    "%2e%2e/secret.bin",
    "%2E./secret.bin",
    ".%2e%2Fsecret.bin",
    "%2e%2e%5csecret.bin",
    "textures%2F..%2F..%2Fsecret.bin",
    "textures%2Fcoat base.png",
    "%2Fetc%2Fpasswd",
    "%2F%2Fserver/x",
    "C%3A/secret.bin",
    "%66ile:///etc/passwd",
    "file%3A///etc/passwd",
    "a.bin%00.png",
    "https:secret.bin",
]


@pytest.mark.parametrize("uri", [False, True])
@pytest.mark.parametrize("name", OUT)
def test_names_that_lead_out_are_refused(folder, name, uri):
    for search in (companion, find_companion):
        with pytest.raises(InputError) as caught:
            search(folder, name, named_in=folder / "a.gltf", uri=uri)
        assert str(caught.value).startswith(f"{folder / 'a.gltf'} names ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ENCODED)
def test_encoded_names_that_lead_out_are_refused(folder, name):
    with pytest.raises(InputError):
        find_companion(folder, name, uri=True)
    # Without URIs a percent sign is one, and such a file is not there.
    assert find_companion(folder, name) is None


@pytest.mark.parametrize(
    "name", ["%252e%252e%252fsecret.bin", "\uff0e\uff0e\uff0fsecret.bin", "%c0%ae%c0%ae/secret.bin"]
)
def test_what_decodes_to_dots_only_if_done_twice_or_wrongly_is_a_name(folder, name):
    assert find_companion(folder, name, uri=True) is None


@posix
def test_links_that_lead_out_are_refused(folder, tmp_path):
    (folder / "file.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "up").symlink_to(tmp_path)
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "nothing.png").symlink_to(folder / "missing.png")
    for name in ("file.bin", "up/secret.bin", "UP/secret.bin", "zero.png"):
        with pytest.raises(InputError, match="leads out of"):
            find_companion(folder, name)
    for name in ("loop.png", "nothing.png"):
        with pytest.raises(InputError, match="which is no file in"):
            companion(folder, name)
    (folder / "same.bin").symlink_to("a.bin")
    assert companion(folder, "same.bin").read_bytes() == b"a"


@posix
def test_the_folder_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert companion(tmp_path / "link", "a.bin").read_bytes() == b"a"
    with pytest.raises(InputError, match="leads out of"):
        companion(tmp_path / "link", "../secret.bin")


@posix
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_pipes_and_sockets_are_refused(folder, kind, monkeypatch):
    if kind == "pipe":
        os.mkfifo(folder / "x.png")
    else:
        # The path of a socket must be short.
        monkeypatch.chdir(folder)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("x.png")
    for name in ("x.png", "X.png"):
        with pytest.raises(InputError, match=f"is a {kind}; put a file there"):
            find_companion(folder, name)
    with pytest.raises(InputError, match=f"is a {kind}, not a file"):
        require_regular_file(folder / "x.png")


@posix
def test_devices_are_refused():
    with pytest.raises(InputError, match="which is a device"):
        find_companion(Path("/dev"), "zero")
    with pytest.raises(InputError, match="is a device, not a file; expected cameras"):
        require_regular_file(Path("/dev/zero"), "expected cameras")


def test_folders_are_no_files(folder):
    with pytest.raises(InputError, match="which is no file in"):
        companion(folder, "textures")
    with pytest.raises(InputError, match="is a folder, not a file"):
        require_regular_file(folder)


def test_dots_may_lead_up_to_a_root(folder, tmp_path):
    deep = folder / "cameras" / "colmap"
    deep.mkdir(parents=True)
    for name in ("../../a.bin", "..\\..\\a.bin", "../../A.BIN", "../..//a.bin"):
        assert companion(deep, name, root=folder).read_bytes() == b"a"
    for name in ("../../../secret.bin", "../../../model/../secret.bin", "/etc/passwd"):
        with pytest.raises(InputError):
            find_companion(deep, name, root=folder)
    with pytest.raises(InputError, match="leads out of"):
        find_companion(deep, "../../a.bin")
    assert companion(deep, "../../../secret.bin", root=tmp_path).read_bytes() == b"secret"


def test_unicode_forms(folder):
    composed, apart = unicodedata.normalize("NFC", "Zèbre.png"), unicodedata.normalize("NFD", "Zèbre.png")
    assert composed != apart
    (folder / apart).write_bytes(b"apart")
    assert companion(folder, composed).read_bytes() == b"apart"
    assert companion(folder, "Z%C3%A8bre.png", uri=True).read_bytes() == b"apart"
    assert companion(folder, "zÈBRE.PNG").read_bytes() == b"apart"
    (folder / composed).write_bytes(b"composed")
    assert companion(folder, composed).read_bytes() == b"composed"
    with pytest.raises(InputError, match="rename all but one"):
        companion(folder, "zÈBRE.PNG")


def test_capitals_that_fit_twice_are_ambiguous(folder):
    (folder / "Coat.png").write_bytes(b"1")
    assert companion(folder, "coat.png").read_bytes() == b"1"
    (folder / "COAT.png").write_bytes(b"2")
    if len(list(folder.glob("*.png"))) < 2:
        pytest.skip("this disk does not tell capitals apart")
    with pytest.raises(InputError, match=r"could be .*COAT\.png, .*Coat\.png; rename"):
        companion(folder, "coat.png")
    assert companion(folder, "Coat.png").read_bytes() == b"1"
    assert companion(folder, "COAT.png").read_bytes() == b"2"


def test_a_long_name_is_no_traceback(folder):
    for name in ("a" * 100_000, "a/" * 100_000 + "b"):
        with pytest.raises(InputError) as caught:
            companion(folder, name)
        assert len(str(caught.value)) < 600
