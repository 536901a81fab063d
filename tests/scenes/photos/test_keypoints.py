import json

import numpy as np
import pytest

from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.keypoints import load_keypoints

GOOD = {
    "categories": [{"id": 1, "keypoints": ["nose", "tail"]}],
    "images": [{"id": 7, "file_name": "a.jpg", "width": 40, "height": 30}],
    "annotations": [
        {"image_id": 7, "category_id": 1, "keypoints": [1.5, 2.5, 2, 3, 4, 1]},
        {"image_id": 7, "category_id": 1, "keypoints": [9, 9, 2, 9, 9, 2]},
    ],
}


def test_reads_coco(tmp_path):
    (tmp_path / "keypoints.json").write_text(json.dumps(GOOD))
    found = load_keypoints(tmp_path)
    assert list(found) == ["a"]
    assert found["a"].names == ("nose", "tail")
    assert np.array_equal(found["a"].positions, [[1.5, 2.5], [3, 4]])
    assert np.array_equal(found["a"].visibility, [2, 1])
    assert (found["a"].width, found["a"].height) == (40, 30)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "not valid JSON"),
        ("{}", "not COCO"),
        (json.dumps({**GOOD, "annotations": [{"image_id": 7, "category_id": 1, "keypoints": [1, 2]}]}), "2 numbers"),
        (json.dumps({**GOOD, "images": []}), "not COCO"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "keypoints.json").write_text(content)
    with pytest.raises(InputError, match=message):
        load_keypoints(tmp_path)
