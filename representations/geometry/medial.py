"""The medial axis of a silhouette as a graph: end points, junctions, and the branches between them.

Every pixel of a thinned silhouette is the centre of the largest disc that fits there, of radius r. A branch that ends
freely at e and leaves the disc of its junction j is worth

    protrusion = length + r_e - r_j,

how far it reaches beyond that disc (compare the object angle and chord residual of Ogniewicz and Kübler, "Hierarchic
Voronoi skeletons", Pattern Recognition 1995). Branches are cut off from the least on, and lengths are measured anew
after every cut, so that the ripples of an outline never decide what is a limb.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64
from scipy import ndimage
from skimage.morphology import remove_small_holes, skeletonize

_SMOOTHING = 0.7
"""Gaussian over the silhouette, pixels."""
_PINHOLE = 0.0005
"""Holes below this share of the subject's area are closed; larger ones, between crossed legs, stay."""


@dataclass(frozen=True, eq=False)
class Branch:
    """A piece of the axis between two nodes."""

    start: int
    end: int
    points: Float64[np.ndarray, "L 2"]
    """Column and row, pixel centres at half integers, from the start's node to the end's."""
    radius: Float64[np.ndarray, " L"]
    """Of the largest disc at each point."""

    @property
    def length(self) -> float:
        """Along the points, in pixels."""
        return float(np.linalg.norm(np.diff(self.points, axis=0), axis=1).sum())

    def reversed(self) -> Branch:
        """The same branch, walked the other way."""
        return Branch(self.end, self.start, self.points[::-1], self.radius[::-1])


@dataclass(frozen=True, eq=False)
class MedialGraph:
    """V nodes, joined by branches; a silhouette as round as a disc has one node and no branch."""

    nodes: Float64[np.ndarray, "V 2"]
    """Column and row."""
    radius: Float64[np.ndarray, " V"]
    branches: tuple[Branch, ...]

    @property
    def degree(self) -> tuple[int, ...]:
        """Number of branches at each node."""
        count = [0] * len(self.nodes)
        for branch in self.branches:
            count[branch.start] += 1
            count[branch.end] += 1
        return tuple(count)

    @property
    def ends(self) -> tuple[int, ...]:
        """Nodes with one branch."""
        return tuple(k for k, degree in enumerate(self.degree) if degree == 1)

    def path(self, start: int, end: int) -> Branch:
        """The shortest way between two nodes; loops do not matter. Raises ValueError where there is none."""
        best: dict[int, tuple[float, Branch | None]] = {start: (0.0, None)}
        queue = [(0.0, start)]
        while queue:
            distance, node = heapq.heappop(queue)
            if node == end:
                break
            for branch in self.branches:
                for way in (branch, branch.reversed()):
                    further = distance + branch.length
                    if way.start == node and further < best.get(way.end, (np.inf, None))[0]:
                        best[way.end] = (further, way)
                        heapq.heappush(queue, (further, way.end))
        if end not in best:
            raise ValueError(f"nodes {start} and {end} are not connected")
        ways: list[Branch] = []
        node = end
        while (way := best[node][1]) is not None:
            ways.append(way)
            node = way.start
        points = [self.nodes[start : start + 1], *(way.points[1:] for way in reversed(ways))]
        radius = [self.radius[start : start + 1], *(way.radius[1:] for way in reversed(ways))]
        return Branch(start, end, np.concatenate(points), np.concatenate(radius))

    def tip(self, end: int) -> Float64[np.ndarray, " 2"]:
        """Where the axis would leave the silhouette beyond an end point: one radius further on."""
        branch = next(b if b.end == end else b.reversed() for b in self.branches if end in (b.start, b.end))
        back = branch.points[max(0, len(branch.points) - 2 - round(float(self.radius[end])))]
        way = self.nodes[end] - back
        return self.nodes[end] + way / max(float(np.linalg.norm(way)), 1e-9) * self.radius[end]


def depth_inside(region: Bool[np.ndarray, "H W"]) -> Float64[np.ndarray, "H W"]:
    """Distance of each pixel of a region to the nearest one beside it, in pixels; what lies beyond the picture is."""
    return np.asarray(ndimage.distance_transform_edt(np.pad(region, 1)))[1:-1, 1:-1]


def medial_graph(mask: Bool[np.ndarray, "H W"], spur: float = 0.03) -> MedialGraph:
    """The axis of the largest blob of `mask`; branches that protrude by less than `spur` box sides are cut off.

    Junctions of which each lies in the other's disc become one. Raises ValueError for an
    empty mask.
    """
    subject = _cleaned(mask)
    depth = depth_inside(subject)
    graph = _traced(skeletonize(subject), depth)
    box = np.argwhere(subject)
    least = spur * float((np.ptp(box, axis=0) + 1).max())
    while (spurs := _spurs(graph, least)) is not None:
        graph = _joined(graph, [b for b in graph.branches if b is not spurs])
    while (short := _short(graph)) is not None:
        graph = _joined(_contracted(graph, short), None)
    return graph


def _cleaned(mask: np.ndarray) -> Bool[np.ndarray, "H W"]:
    if not mask.any():
        raise ValueError("the mask is empty; a medial axis needs a subject")
    smooth = ndimage.gaussian_filter(mask.astype(np.float64), _SMOOTHING) > 0.5
    blobs, count = ndimage.label(smooth if smooth.any() else mask, np.ones((3, 3)))  # type: ignore[misc]
    largest = blobs == 1 + int(np.argmax(np.bincount(blobs.reshape(-1), minlength=count + 1)[1:]))
    return remove_small_holes(largest, max_size=round(_PINHOLE * int(largest.sum())))


def _traced(thin: np.ndarray, depth: np.ndarray) -> MedialGraph:
    """The pixels of a thinned mask as a graph; diagonal steps count only where no straight ones lead there."""
    pixels = [(int(r), int(c)) for r, c in np.argwhere(thin)]
    inside = set(pixels)

    def beside(pixel: tuple[int, int]) -> list[tuple[int, int]]:
        r, c = pixel
        straight = [p for p in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)) if p in inside]
        slanted = [
            (r + i, c + j)
            for i in (-1, 1)
            for j in (-1, 1)
            if (r + i, c + j) in inside and (r + i, c) not in inside and (r, c + j) not in inside
        ]
        return straight + slanted

    near = {pixel: beside(pixel) for pixel in pixels}
    places = [pixel for pixel in pixels if len(near[pixel]) != 2] or pixels[:1]
    index = {pixel: k for k, pixel in enumerate(places)}
    branches, walked = [], set()
    for place in places:
        for first in near[place]:
            if (place, first) in walked:
                continue
            line = [place, first]
            while line[-1] not in index:
                line.append(next(p for p in near[line[-1]] if p != line[-2]))
            walked |= {(line[0], line[1]), (line[-1], line[-2])}
            along = np.array(line)
            points = along[:, ::-1].astype(np.float64) + 0.5
            branches.append(Branch(index[line[0]], index[line[-1]], points, depth[along[:, 0], along[:, 1]]))
    spots = np.array(places)
    return MedialGraph(spots[:, ::-1].astype(np.float64) + 0.5, depth[spots[:, 0], spots[:, 1]], tuple(branches))


def _spurs(graph: MedialGraph, least: float) -> Branch | None:
    """The free branch that protrudes least, if by less than `least`; the last branch of all stays."""
    degree = graph.degree
    found: list[tuple[float, int]] = []
    for k, branch in enumerate(graph.branches):
        free = [degree[branch.start] == 1, degree[branch.end] == 1]
        if sum(free) == 1:
            end, junction = (branch.start, branch.end) if free[0] else (branch.end, branch.start)
            found.append((branch.length + graph.radius[end] - graph.radius[junction], k))
    protrusion, k = min(found, default=(np.inf, -1))
    return graph.branches[k] if protrusion < least else None


def _short(graph: MedialGraph) -> Branch | None:
    degree = graph.degree
    for branch in graph.branches:
        inner = degree[branch.start] > 2 and degree[branch.end] > 2 and branch.start != branch.end
        if inner and branch.length < min(graph.radius[branch.start], graph.radius[branch.end]):
            return branch
    return None


def _contracted(graph: MedialGraph, short: Branch) -> MedialGraph:
    """The graph without an inner branch: the others at its narrower end go on to its wider one."""
    keep, gone = short.start, short.end
    if graph.radius[gone] > graph.radius[keep]:
        keep, gone, short = gone, keep, short.reversed()
    branches = []
    for branch in graph.branches:
        if {branch.start, branch.end} == {keep, gone}:
            continue  # the branch itself, or one beside it
        for way in (branch, branch.reversed()):
            if way.start == gone:
                points = np.concatenate([short.points, way.points[1:]])
                branch = Branch(keep, way.end, points, np.concatenate([short.radius, way.radius[1:]]))
        branches.append(branch)
    return MedialGraph(graph.nodes, graph.radius, tuple(branches))


def _joined(graph: MedialGraph, branches: list[Branch] | None) -> MedialGraph:
    """The graph of `branches` (all by default), without nodes that have none, or two that go on in one another."""
    left = list(graph.branches) if branches is None else list(branches)
    for node in range(len(graph.nodes)):
        ways = [b if b.end == node else b.reversed() for b in left if node in (b.start, b.end)]
        loops = any(b.start == b.end for b in ways)
        if len(ways) != 2 or loops:
            continue
        one, two = ways[0], ways[1].reversed()
        left = [b for b in left if node not in (b.start, b.end)]
        points, radius = (np.concatenate([a, b[1:]]) for a, b in ((one.points, two.points), (one.radius, two.radius)))
        left.append(Branch(one.start, two.end, points, radius))
    used = sorted({node for b in left for node in (b.start, b.end)}) or [int(graph.radius.argmax())]
    place = {node: k for k, node in enumerate(used)}
    renamed = tuple(Branch(place[b.start], place[b.end], b.points, b.radius) for b in left)
    return MedialGraph(graph.nodes[used], graph.radius[used], renamed)
