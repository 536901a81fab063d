"""Medial axes: limbs are found where they are drawn, ripples are none, and loops have ways through them."""

import numpy as np
import pytest

from zoetrope.representations.geometry.medial import medial_graph


def _bar(size: int, start: tuple[float, float], end: tuple[float, float], radius: float) -> np.ndarray:
    """A round bar between two (column, row) places."""
    rows, columns = np.indices((size, size)) + 0.5
    way = np.subtract(end, start)
    t = (((columns - start[0]) * way[0] + (rows - start[1]) * way[1]) / max(way @ way, 1e-9)).clip(0, 1)
    return np.hypot(columns - start[0] - t * way[0], rows - start[1] - t * way[1]) <= radius


def _star(arms: int, radius: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    angles = 0.3 + np.arange(arms) * 2 * np.pi / arms
    ends = 64 + 45 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.logical_or.reduce([_bar(128, (64, 64), tuple(end), radius) for end in ends]), ends


@pytest.mark.parametrize("arms", [3, 4, 5])
def test_a_star_has_one_junction_and_an_end_for_each_arm(arms: int) -> None:
    mask, ends = _star(arms)
    graph = medial_graph(mask)
    assert len(graph.ends) == arms
    assert len(graph.branches) == arms
    tips = np.stack([graph.tip(end) for end in graph.ends])
    centre = np.array([64.0, 64.0])
    outline = centre + (ends - centre) * (50 / 45)
    nearest = np.linalg.norm(tips[:, None] - outline[None], axis=2).min(0)
    assert nearest.max() < 3.0, "an end lies one radius further than its arm's last disc"
    assert graph.radius[list(graph.ends)].max() < 7


def test_ripples_of_the_outline_are_no_limbs() -> None:
    mask, _ = _star(4, 7.0)
    random = np.random.default_rng(0)
    rows, columns = np.indices(mask.shape)
    for row, column in random.choice(np.argwhere(mask ^ np.roll(mask, 1, 1)), 60):
        mask |= (rows - row) ** 2 + (columns - column) ** 2 <= random.uniform(1, 3) ** 2
    assert len(medial_graph(mask).ends) == 4


def test_a_limb_longer_than_the_bound_stays_and_a_shorter_one_goes() -> None:
    body = _bar(200, (40, 100), (160, 100), 14)
    for length, count in ((30, 3), (16, 2)):
        limb = _bar(200, (100, 100), (100, 100 - length), 3)
        assert len(medial_graph(body | limb, spur=0.05).ends) == count


def test_junctions_inside_one_disc_are_one() -> None:
    """Two legs that leave a trunk nearly together leave it at one place."""
    mask = (
        _bar(200, (30, 100), (170, 100), 14)
        | _bar(200, (100, 100), (75, 180), 4)
        | _bar(200, (100, 100), (125, 180), 4)
    )
    graph = medial_graph(mask)
    assert len(graph.ends) == 4
    assert sum(degree > 2 for degree in graph.degree) == 1


def test_a_path_leads_through_a_loop_the_short_way() -> None:
    """Crossed legs close a hole in the silhouette; a walk that takes the axis for a tree would go astray there."""
    ring = _bar(160, (80, 60), (80, 60), 36) & ~_bar(160, (80, 60), (80, 60), 26)
    mask = ring | _bar(160, (80, 90), (80, 150), 4) | _bar(160, (50, 60), (8, 60), 4)
    graph = medial_graph(mask)
    low, left = (min(graph.ends, key=lambda e, p=p: np.linalg.norm(graph.nodes[e] - p)) for p in ((80, 150), (8, 60)))
    path = graph.path(low, left)
    quarter = 2 * np.pi * 31 / 4
    assert abs(path.length - (quarter + 60 + 42)) < 15
    assert np.linalg.norm(np.diff(path.points, axis=0), axis=1).max() < 1.5, "a path has no gaps"


def test_a_round_subject_is_one_node_without_limbs() -> None:
    graph = medial_graph(_bar(100, (50, 50), (50, 50), 20))
    assert len(graph.branches) <= 1
    assert len(graph.ends) in (0, 2)


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a subject"):
        medial_graph(np.zeros((8, 8), bool))
