"""Every option of a fit changes something real, or is refused: a new option without a test of its own fails here.

`fit` itself reads photos, options and priors; it is stopped where the descent would begin, and what it would descend on
is looked at. `--without` is asked of the loss of a scene whose every variable is off its rest.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from PIL import Image

from zoetrope.optimize.config import FitConfig, Switch
from zoetrope.optimize.descent import Descent
from zoetrope.optimize.fit import fit
from zoetrope.optimize.objective import Losses
from zoetrope.optimize.observe.clean_up import CleanUpConfig
from zoetrope.optimize.run.checkpoint import StageStep, save_checkpoint
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.scenes.error import InputError
from zoetrope.scenes.hypotheses.known_cameras import KnownCameras
from zoetrope.scenes.run_folder import RunFolder
from zoetrope.scenes.zoo.zoo import write_zoo

pytestmark = pytest.mark.usefixtures("own_cache")


class ReachedError(Exception):
    """The fit has come to its descent."""


@dataclasses.dataclass(frozen=True)
class Begun:
    """What a fit is about to do."""

    descent: Descent
    run: RunFolder

    @property
    def plan(self) -> str:
        """The body plan of the template."""
        assert isinstance(self.descent.scene.surface, PartSurfaces)
        return self.descent.scene.surface.template.skeleton.plan

    @property
    def azimuths(self) -> torch.Tensor:
        """Where hypotheses stand, in degrees."""
        return self.descent.scene.hypotheses.camera().orbit().azimuth_deg.detach()


Begin = Callable[..., Begun]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos of a fox, 48 pixels, partly hidden or cut off."""
    folder = tmp_path_factory.mktemp("noisy") / "photos"
    write_zoo("fox", folder, photo_count=3, size=48, seed=3, noisy=True)
    return folder


@pytest.fixture(scope="module")
def begin(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begin]:
    """Calls `fit` and stops it where its descent begins; without a semantic prior unless one is named, to be quick."""
    reached: list[Begun] = []

    def stop(descent: Descent, run: RunFolder, *_: Any) -> None:
        reached.append(Begun(descent, run))
        raise ReachedError

    def begun(**options: Any) -> Begun:
        out = tmp_path_factory.mktemp("begun") / "run"
        given = {"photos": photos, "out": out, "device": "cpu", "semantic": "none"} | options
        with contextlib.suppress(ReachedError):
            fit(FitConfig(**given))
        return reached[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoetrope.optimize.fit._descend", stop)
        yield begun


@pytest.fixture(scope="module")
def plain(begin: Begin) -> Callable[..., Begun]:
    """The same for fits that nothing is left out of, once for the same options; away from rest."""
    kept: dict[tuple[tuple[str, Any], ...], Begun] = {}

    def begun(**options: Any) -> Begun:
        key = tuple(options.items())
        if key not in kept:
            kept[key] = begin(**options)
            _leave_rest(kept[key])
        return kept[key]

    return begun


@pytest.fixture
def diffusion(small_diffusion: Callable[[str], Path]) -> str:
    return str(small_diffusion("sd_v"))


def seen(begun: Begun, name: str) -> torch.Tensor:
    """One of the things that all photos' crops are made of."""
    return getattr(begun.descent.observations.at(32), name)


class Options:
    """A test for each option, by its name."""

    def __init__(self, begin: Begin, photos: Path, tmp_path: Path, diffusion: str, small_vit: Path) -> None:
        self.begin, self._photos, self._tmp_path = begin, photos, tmp_path
        self._diffusion, self._small_vit = diffusion, small_vit

    def photos(self) -> None:
        other = self._tmp_path / "other"
        write_zoo("fox", other, photo_count=4, size=48, seed=3)
        assert len(self.begin(photos=other).descent.observations) == 4

    def out(self) -> None:
        assert self.begin(out=self._tmp_path / "here").run.config == self._tmp_path / "here" / "config.json"
        assert (self._tmp_path / "here" / "config.json").is_file()

    def category(self) -> None:
        told = [self._asked(category=name) for name in ("fox", "cow")]
        assert not torch.equal(told[0]._positive.context, told[1]._positive.context)

    def preset(self) -> None:
        plain, full, published = (self.begin(preset=name, diffusion="none") for name in ("quick", "full", "artic3d"))
        assert _steps(full) == 2 * _steps(plain)
        assert published.descent.stages[0].name == "global"

    def template(self) -> None:
        assert self.begin(template="quadruped").plan == "quadruped"
        assert self.begin(template="bird").plan == "bird"

    def representation(self) -> None:
        with pytest.raises(InputError, match="not implemented yet: --representation triplane"):
            self.begin(representation="triplane")

    def init(self) -> None:
        with pytest.raises(InputError, match="not implemented yet: --init"):
            self.begin(init=Path("a.glb"))

    def masks(self) -> None:
        with pytest.raises(InputError, match="--masks alpha has none estimated"):
            self.begin(masks="alpha")
        both = self._tmp_path / "both"
        (both / "masks").mkdir(parents=True)
        for path in sorted(self._photos.glob("*.jpg")):
            mask = Image.open(self._photos / "masks" / f"{path.stem}.png").convert("L")
            mask.save(both / "masks" / f"{path.stem}.png")
            picture = Image.open(path).convert("RGBA")
            picture.putalpha(mask.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
            picture.save(both / f"{path.stem}.png")
        given, own = (seen(self.begin(photos=both, masks=masks), "shown") for masks in ("folder", "alpha"))
        assert not torch.equal(given, own)

    def cameras(self) -> None:
        known = self.begin(cameras=str(self._photos / "truth" / "transforms.json"))
        assert isinstance(known.descent.scene.hypotheses, KnownCameras)
        assert not isinstance(self.begin().descent.scene.hypotheses, KnownCameras)

    def semantic(self) -> None:
        assert self.begin().descent.observations.canonical is None
        both = self.begin(semantic=f"timm:{self._small_vit}").descent.observations
        assert both.canonical is not None
        assert both.features is not None

    def diffusion(self) -> None:
        assert self.begin().descent.objective._novel is None
        assert self._asked()._prior.name == self._diffusion

    def rule(self) -> None:
        assert self._asked()._config.name == "dass"
        assert self._asked(rule="sds")._config.name == "sds"
        with pytest.raises(InputError, match="rule rectified_flow cannot ask"):
            self._asked(rule="rectified_flow")

    def clean_up(self) -> None:
        options = {"diffusion": self._diffusion, "semantic": "embedded"}
        assert self.begin(**options).descent.observations.completion is None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("zoetrope.optimize.prepare.CleanUpConfig", partial(CleanUpConfig, steps=1, paintings=2))
            cleaned = self.begin(**options, clean_up=True)
        assert cleaned.descent.observations.completion is not None
        assert any(cleaned.run.cleaned.iterdir())

    def tiny_autoencoder(self) -> None:
        import diffusers

        diffusers.AutoencoderTiny(
            encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4,
            num_encoder_blocks=(1,) * 4, num_decoder_blocks=(1,) * 4,
        ).save_pretrained(self._tmp_path / "tiny")  # fmt: skip
        plain, tiny = self._asked(), self._asked(tiny_autoencoder=str(self._tmp_path / "tiny"))
        kinds = [type(rule._prior.autoencoder.module).__name__ for rule in (plain, tiny)]
        assert kinds == ["AutoencoderKL", "AutoencoderTiny"]

    def device(self) -> None:
        with pytest.raises(InputError, match="--device cuda:99"):
            self.begin(device="cuda:99")

    def seed(self) -> None:
        states = [self._asked(seed=seed)._generator.get_state() for seed in (0, 0, 1)]
        assert torch.equal(states[0], states[1])
        assert not torch.equal(states[0], states[2])
        starts = []
        for seed in (0, 0, 1):
            begun = self.begin(seed=seed)
            begun.descent.prepare()
            starts.append(begun.azimuths)
        assert torch.equal(starts[0], starts[1])
        assert not torch.equal(starts[0], starts[2])

    def effort(self) -> None:
        assert _steps(self.begin(effort=0.5)) == _steps(self.begin()) / 2

    def batch(self) -> None:
        moved = []
        for batch in (1, 32):
            begun = self.begin(batch=batch)
            before = _after_one_step(begun)
            scene = begun.descent.scene
            after = scene.hypotheses.azimuth.detach()
            moved.append(len({int(photo) for photo in scene.hypotheses.photo[after != before]}))
        assert moved == [1, 3]

    def ground(self) -> None:
        logged = []
        for ground in (False, True):
            begun = self.begin(ground=ground)
            _leave_rest(begun)
            logged.append(_cost(begun, 0).logged)
        assert "ground" not in logged[0]
        assert logged[1]["ground"] > 0

    def without(self) -> None:
        """Name by name below; here that a name which leaves out nothing is refused."""
        with pytest.raises(InputError, match="--without view changes nothing: there is no canonical network"):
            self.begin(without=("view",))

    def resume(self) -> None:
        begun = self.begin()
        place = next(begun.descent.steps())
        save_checkpoint(begun.run.checkpoints, begun.descent.state(), StageStep("any", place.iteration, place.step))
        again = self.begin(out=begun.run.root, resume=True)
        assert again.descent.progress.step == 1
        assert torch.equal(again.azimuths, begun.azimuths)

    def overwrite(self) -> None:
        run = self.begin().run
        run.metrics.write_text("of the run before")
        with pytest.raises(InputError, match="add --resume to go on"):
            self.begin(out=run.root)
        self.begin(out=run.root, overwrite=True)
        assert "of the run before" not in run.metrics.read_text()

    def offline(self) -> None:
        asked: list[bool] = []

        def had(name: str, filename: str, *, local_files_only: bool) -> str:
            asked.append(local_files_only)
            raise OSError("not there")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("huggingface_hub.hf_hub_download", had)
            for offline in (False, True):
                with pytest.raises(InputError, match="the weights of timm:vit_small"):
                    self.begin(semantic="timm:vit_small_patch14_dinov2.lvd142m", offline=offline)
        assert asked == [False, True]

    def _asked(self, **options: Any) -> Any:
        """The rule by which the fit asks its diffusion prior."""
        novel = self.begin(diffusion=self._diffusion, **options).descent.objective._novel
        assert novel is not None
        return novel._rule


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(FitConfig)])
def test_it_changes_something_or_is_refused(
    name: str, begin: Begin, photos: Path, tmp_path: Path, diffusion: str, small_vit: Path
) -> None:
    options = Options(begin, photos, tmp_path, diffusion, small_vit)
    test = vars(Options).get(name)
    assert test is not None, f"--{name} has no test"
    test(options)


def _steps(begun: Begun) -> int:
    return sum(stage.iterations for stage in begun.descent.stages)


def _after_one_step(begun: Begun) -> torch.Tensor:
    """Azimuths before the first step, in radians, which is then made."""
    descent = begun.descent
    descent.prepare()
    before = descent.scene.hypotheses.azimuth.detach().clone()
    descent._step(descent.stage)
    return before


def _leave_rest(begun: Begun) -> None:
    """Moves every variable of the scene away from where it starts."""
    descent, scene = begun.descent, begun.descent.scene
    assert isinstance(scene.surface, PartSurfaces)
    scene.surface.cutoff = 4.0
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in scene.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        scene.hypotheses.log_distance.fill_(1.2)
        scene.hypotheses.pose.mul_(8)
    descent.attach()


def _cost(begun: Begun, index: int) -> Losses:
    """What the scene costs in the stage of that index, with the colours and features that photos show on it there."""
    descent, scene, stage = begun.descent, begun.descent.scene, begun.descent.stages[index]
    descent.progress.stage = index
    descent.score()
    responsibility = torch.ones(len(scene.hypotheses))
    descent.expectation = dataclasses.replace(descent.expectation, responsibility=responsibility)
    view = descent._view(stage.size)
    descent.objective.renew(scene, view, responsibility, stage.weights, 0.0, own_shape=False)
    descent.update_expected_colors()
    with torch.no_grad():
        return descent._look(stage=stage)


_NAMES: tuple[str, ...] = get_args(Switch)
_OF_MAPS = ("canonical", "view")
_ELSEWHERE = ("strides", "species", "occlusion", "outliers", "color", "lens")
"""Which change something else than the loss of a scene as it stands."""


@pytest.mark.parametrize("name", [name for name in _NAMES if name not in _ELSEWHERE])
def test_what_is_left_out_no_longer_costs_anything(
    name: str, begin: Begin, plain: Callable[..., Begun], small_vit: Path
) -> None:
    options: dict[str, Any] = {"semantic": "embedded"} if name in _OF_MAPS else {}
    if name == "semantic":
        options = {"semantic": f"timm:{small_vit}"}
    if name == "silhouette":
        options = {"preset": "artic3d", "diffusion": "none"}
    whole, less = plain(**options), begin(**options, without=(name,))
    _leave_rest(less)
    stages = whole.descent.stages
    # The last one that gives the term any weight; of gaits and others, the last.
    index = max(k for k, stage in enumerate(stages) if getattr(stage.weights, name, 1) > 0)
    totals = [float(cost.per_hypothesis.sum() + cost.shared) for cost in (_cost(whole, index), _cost(less, index))]
    assert totals[0] != totals[1]
    if hasattr(stages[index].weights, name):
        assert all(getattr(stage.weights, name) == 0 for stage in less.descent.stages)
        assert totals[1] < totals[0]


def test_strides_are_no_longer_tried(begin: Begin) -> None:
    plain, less = ([stage.name for stage in begin(without=names).descent.stages] for names in ((), ("strides",)))
    assert set(plain) - set(less) == {"hind legs", "front legs"}


def test_lenses_stay_as_first_guessed(begin: Begin) -> None:
    plain, less = (begin(without=names).descent.stages for names in ((), ("lens",)))
    assert any("lens" in stage.free for stage in plain)
    assert not any("lens" in stage.free or stage.weights.lens for stage in less)


def test_bodies_of_species_no_longer_compete(begin: Begin) -> None:
    plain, less = (
        {stage.build for stage in begin(semantic="embedded", without=names).descent.stages}
        for names in ((), ("species",))
    )
    assert less == {"standard", "compact", ""}
    assert plain > less


def test_what_may_be_hidden_counts_as_background(begin: Begin) -> None:
    plain, less = (seen(begin(semantic="embedded", without=names), "valid") for names in ((), ("occlusion",)))
    assert float(less.sum()) > float(plain.sum())


def test_outliers_count_fully(begin: Begin) -> None:
    trusts = []
    for names in ((), ("outliers",)):
        begun = begin(without=names)
        _after_one_step(begun)
        trusts.append(begun.descent.expectation.robust_weight)
    assert float(trusts[0].min()) < 1
    assert trusts[1].tolist() == [1, 1, 1]


def test_colours_no_longer_judge(begin: Begin) -> None:
    judged = []
    for names in ((), ("color",)):
        descent = begin(without=names).descent
        descent.prepare()
        scores = descent.score()
        judged.append(torch.equal(descent.judge(), scores))
    assert judged == [False, True]
