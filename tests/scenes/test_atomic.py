import pytest

from zoetrope.scenes.atomic import atomic_write


def test_the_file_appears_whole_and_alone(tmp_path):
    target = tmp_path / "new" / "picture.png"
    with atomic_write(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"abc")
        assert not target.exists()
    assert target.read_bytes() == b"abc"
    assert [p.name for p in target.parent.iterdir()] == ["picture.png"]


def test_a_failure_leaves_the_old_file_and_no_rubbish(tmp_path):
    target = tmp_path / "scores.json"
    target.write_text("old")

    def interrupted() -> None:
        with atomic_write(target) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["scores.json"]


def test_writing_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"mesh\.ply"), atomic_write(tmp_path / "mesh.ply"):
        pass
