"""What diffusion rules cost: whose time is whose, which calls a rule makes, memory, and models that are not there."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from zoetrope.cli import main
from zoetrope.optimize.bench import untrained_diffusion
from zoetrope.optimize.bench.diffusion_speed import (
    CASES,
    DiffusionSpeedConfig,
    RuleCase,
    StepCost,
    measure_diffusion_speed,
    report_lines,
    step_cost,
)
from zoetrope.optimize.bench.network_clock import NetworkCall
from zoetrope.optimize.bench.peak_memory import PeakMemory, peak_memory
from zoetrope.priors.diffusion.load import DiffusionConfig, load_diffusion_prior
from zoetrope.priors.diffusion.prior import DiffusionPrior

CPU = torch.device("cpu")
ONCE = DiffusionSpeedConfig(repeats=1)
MIB = 2**20
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="resident memory has a record on Linux only")
NAP = 0.2


@pytest.fixture
def loaded(
    small_diffusion: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., DiffusionPrior]:
    """A new one at each call, so that what is done to its networks stays there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "speed_cache"))
    return lambda **how: load_diffusion_prior(str(small_diffusion("sd")), config=DiffusionConfig(**how))


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("dass", [("encode", 1), ("denoise", 2), ("denoise", 2), ("decode", 1)]),
        ("sds", [("encode", 1), ("denoise", 2), ("backward", 1)]),
        ("sds checkpointed", [("encode", 1), ("denoise", 2), ("backward", 1)]),
    ],
)
def test_each_rule_makes_the_calls_it_needs(
    case: RuleCase, expected: list[tuple[str, int]], loaded: Callable[..., DiffusionPrior]
) -> None:
    prior = loaded(checkpointed=case == "sds checkpointed")
    cost = step_cost(prior, case, replace(ONCE, walk=2, repeats=3), CPU)
    assert [(call.part, call.rows) for call in cost.calls] == expected
    assert all(call.seconds > 0 for call in cost.calls)
    assert cost.picture_size == 32
    parts = {part: cost.part(part) for part in ("encode", "denoise", "decode", "backward")}
    assert sum(parts.values()) == pytest.approx(cost.bare)
    assert {part for part, seconds in parts.items() if seconds} == {part for part, _ in expected}
    assert 0 < cost.bare < cost.seconds
    assert cost.bare * (1 + cost.overhead) == pytest.approx(cost.seconds)
    # Clocks are taken off again.
    networks = (prior.autoencoder.module, prior.denoiser.module)
    assert not any({"encode", "decode", "forward"} & set(vars(network)) for network in networks)


def test_weights_are_those_of_the_files(
    loaded: Callable[..., DiffusionPrior], small_diffusion: Callable[[str], Path]
) -> None:
    files = [next((small_diffusion("sd") / part).glob("*.safetensors")) for part in ("unet", "vae")]
    stored = sum(file.stat().st_size for file in files)
    assert 0.7 * stored < step_cost(loaded(), "dass", ONCE, CPU).weights <= stored


def test_what_is_slow_is_found_where_it_is(
    loaded: Callable[..., DiffusionPrior], monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoetrope.priors.distillation import critic

    def slow(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            time.sleep(NAP)
            return method(*arguments, **options)

        return call

    prior = loaded()
    usual = {case: step_cost(prior, case, replace(ONCE, repeats=3), CPU) for case in ("dass", "sds")}
    with monkeypatch.context() as patch:
        patch.setattr(critic, "guide", slow(critic.guide))
        dass = step_cost(prior, "dass", replace(ONCE, walk=3), CPU)
    assert dass.seconds - dass.bare >= 3 * NAP
    assert dass.overhead > usual["dass"].overhead
    prior.autoencoder.module.decoder.forward = slow(prior.autoencoder.module.decoder.forward)
    dass = step_cost(prior, "dass", ONCE, CPU)
    assert dass.part("decode") >= NAP
    assert dass.seconds - dass.bare < NAP
    prior.denoiser.module.mid_block.forward = slow(prior.denoiser.module.mid_block.forward)
    assert step_cost(prior, "dass", replace(ONCE, walk=3), CPU).part("denoise") >= 3 * NAP
    assert usual["sds"].part("backward") < NAP
    prior.autoencoder.module.encoder.mid_block.register_full_backward_hook(lambda *_: time.sleep(NAP))
    sds = step_cost(prior, "sds", ONCE, CPU)
    assert sds.part("backward") >= NAP
    assert sds.seconds - sds.bare < NAP


@on_linux
def test_the_peak_is_that_of_the_job_alone() -> None:
    for size in (300, 60):
        memory = peak_memory(lambda size=size: torch.ones(size * MIB // 4), CPU)
        assert memory is not None
        # The kernel counts by threads and adds up now and then.
        assert (size - 2) * MIB < memory.above < (size + 30) * MIB
        assert memory.peak == memory.before + memory.above


def test_only_sds_keeps_what_the_encoder_did(loaded: Callable[..., DiffusionPrior]) -> None:
    kept = {}
    for case in CASES:
        sizes: list[int] = []

        def pack(tensor: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(tensor.numel() * tensor.element_size())
            return tensor

        prior = loaded(checkpointed=case == "sds checkpointed")
        passes: list[int] = []
        prior.autoencoder.module.encoder.mid_block.register_forward_pre_hook(lambda *_, seen=passes: seen.append(1))
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            step_cost(prior, case, ONCE, CPU)
        # Two steps: one for memory, one for time.
        kept[case] = sum(sizes) / 2
        assert len(passes) == (4 if case == "sds checkpointed" else 2)
    picture = 4 * 3 * 32 * 32
    assert kept["dass"] <= 2 * picture
    assert kept["sds"] > 30 * picture
    assert kept["sds checkpointed"] < kept["sds"] / 4


def test_a_process_of_its_own_finds_the_same_calls(
    loaded: Callable[..., DiffusionPrior], small_diffusion: Callable[[str], Path]
) -> None:
    config = replace(ONCE, model=str(small_diffusion("sd")))
    (cost,) = measure_diffusion_speed(config, ("sds",))
    here = step_cost(loaded(), "sds", config, CPU)
    assert [(call.part, call.rows) for call in cost.calls] == [(call.part, call.rows) for call in here.calls]
    assert cost.weights == here.weights
    if sys.platform == "linux":
        assert cost.memory is not None
        assert cost.memory.peak > cost.memory.before > cost.weights


def test_the_table_says_what_was_promised() -> None:
    calls = (NetworkCall("encode", 1, 2.0), NetworkCall("denoise", 2, 6.0))
    dass = StepCost("dass", 512, 8.2, calls, 4 * 2**30, PeakMemory(5 * 2**30, 6 * 2**30))
    sds = StepCost("sds", 512, 8.8, calls, 4 * 2**30, PeakMemory(5 * 2**30, 9 * 2**30))
    lines = list(report_lines(DiffusionSpeedConfig(), iter((dass, sds))))
    assert lines[0].startswith("random: one picture of 512 x 512, float32, cpu")
    row = " ".join(lines[3].split())
    assert row == "dass 8.200 2.000 6.000 0.000 0.000 0.200 6.00 GiB 5.00 GiB 1.00 GiB"
    assert lines[-3:] == [
        "dass: our overhead 2.50 % of the bare network calls; at most 5 %: met",
        "sds: our overhead 10.00 % of the bare network calls; at most 5 %: MISSED",
        "dass over sds: 0.67 of the peak, 0.25 of what is above the level before",
    ]
    unmeasured = list(report_lines(DiffusionSpeedConfig(), [replace(dass, memory=None), replace(sds, memory=None)]))
    assert "memory is not measured on this system" in unmeasured
    assert not any(line.startswith("dass over") for line in unmeasured)


def test_a_missing_model_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speed", "--diffusion", str(tmp_path / "none")]) == 2
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert "none is neither a folder nor a model" in line
    assert "say random" in line
    assert printed.out == ""


def test_untrained_networks_are_those_of_sd15() -> None:
    with torch.device("meta"):
        networks = untrained_diffusion.sd15_networks()
    counts = [sum(parameter.numel() for parameter in network.parameters()) for network in networks]
    assert counts == [83_653_863, 859_520_964]


def test_an_untrained_prior_serves_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    import diffusers

    def small() -> tuple[Any, Any]:
        autoencoder = diffusers.AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, sample_size=16)
        unet = diffusers.UNet2DConditionModel(
            sample_size=16, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=768,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        )  # fmt: skip
        return autoencoder, unet

    monkeypatch.setattr(untrained_diffusion, "sd15_networks", small)
    before = torch.random.get_rng_state()
    prior = untrained_diffusion.untrained_diffusion_prior("cpu", DiffusionConfig())
    assert torch.equal(torch.random.get_rng_state(), before)
    said = prior.embed(["a fox", ""])
    assert said.context.shape == (2, 77, 768)
    assert not torch.equal(said.context[0], said.context[1])
    for case in ("dass", "sds"):
        cost = step_cost(prior, case, ONCE, CPU)
        assert cost.picture_size == 16
        assert cost.bare > 0
