"""A GPU that is only pretended: tensors that say they are on `cuda:0` while a CPU tensor inside them does the work.

Everything runs for real, with values, so that code whose way depends on them (`item`, `nonzero`, `float`) runs as well;
what a GPU would refuse is refused:

* operands on different devices, but for single numbers (0-dimensional CPU tensors) in pointwise operations and for
  CPU indices of a GPU tensor, which PyTorch allows;
* writing what comes from one device into a tensor of another (`copy_` may);
* numpy and a random generator of the CPU on a GPU's tensor.

A tensor that is made without `device=` is a CPU tensor. Operations of C++ work below all that: what these make for
themselves belongs to the tensors they were called with.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._device import _device_constructors

from zoetrope.representations.rendering.backends.backend_choice import choose_backend

GPU = torch.device("cuda:0")
_CPU = torch.device("cpu")

_aten = torch.ops.aten
_INDEXED = {_aten.index, _aten.index_put, _aten.index_put_, _aten._unsafe_index, _aten._index_put_impl_}
_TAKES_NUMBERS = {_aten.fill_, _aten.fill, _aten.masked_fill, _aten.masked_fill_, _aten.index_put, _aten.index_put_}
# fmt: off
_MAKERS = (
    "zeros", "ones", "full", "empty", "arange", "linspace", "logspace", "eye", "rand", "randn", "randint", "randperm",
    "tensor", "as_tensor", "asarray", "tril_indices", "triu_indices", "empty_strided", "normal", "zeros_like",
    "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "randint_like",
)
# fmt: on
_METHODS = ("new_zeros", "new_ones", "new_full", "new_empty")


class PretendedTensor(Tensor):
    """A tensor on the pretended GPU."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls: type, held: Tensor, requires_grad: bool = False) -> PretendedTensor:
        """Around `held`, which must be a plain tensor without a gradient."""
        assert type(held) is Tensor, f"a {type(held).__name__} cannot be held"
        made = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=held.device,
            requires_grad=requires_grad,
        )
        made.held = held
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return GPU

    is_cuda = property(lambda self: True)  # type: ignore[assignment]
    is_cpu = property(lambda self: False)  # type: ignore[assignment]

    def get_device(self) -> int:
        return 0

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        refuse(
            TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor first.")
        )
        return self.held.numpy(*args, **kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self.numpy()

    def tolist(self) -> Any:
        return self.held.tolist()

    def new_tensor(self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        made = torch.tensor(data, dtype=dtype or self.dtype, device=device or GPU)
        return made.requires_grad_(requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if id(self) not in memo:
            made = PretendedTensor(self.held.clone(), self.requires_grad)
            if isinstance(self, torch.nn.Parameter):
                made._is_param = True
            memo[id(self)] = made
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        refuse(TypeError("a tensor of the pretended GPU is pickled; move it to the CPU before it is written"))
        return self.held.__reduce_ex__(protocol)

    def __repr__(self, **_: Any) -> str:
        return f"{self.held!r} pretended on {GPU}"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.overloadpacket is not _aten.copy_:
            _check(func, args, kwargs)
        made = func(*_opened(args), **{name: _opened(value) for name, value in kwargs.items()})
        manner = _manner(func)
        if not manner.in_place:
            return _wrapped(made)
        changed = args[manner.written[0]] if manner.written[0] < len(args) else kwargs["out"]
        assert changed.shape == made.shape, f"{func} changes a shape in place, which nothing here follows"
        return changed


@dataclass(frozen=True)
class _Manner:
    """How an operation treats what it is given."""

    takes_numbers: bool
    """Whether single numbers of the CPU may take part."""
    written: tuple[int, ...]
    """Places of the arguments that it writes into."""
    in_place: bool
    """Whether it gives back what it has written into."""


@cache
def _manner(func: Any) -> _Manner:
    written = tuple(place for place, said in enumerate(func._schema.arguments) if said.is_write)
    given = func._schema.returns
    in_place = len(given) == 1 and given[0].alias_info is not None and given[0].alias_info.is_write
    numbers = torch.Tag.pointwise in func.tags or func.overloadpacket in _TAKES_NUMBERS
    return _Manner(numbers, written, in_place)


def _opened(value: Any) -> Any:
    """With the tensors that are held in the place of those that hold them; lists and tuples may be nested."""
    if isinstance(value, PretendedTensor):
        return value.held
    return type(value)(map(_opened, value)) if isinstance(value, (list, tuple)) else value


def _wrapped(value: Any) -> Any:
    if isinstance(value, Tensor):
        return PretendedTensor(value)
    return type(value)(map(_wrapped, value)) if isinstance(value, (list, tuple)) else value


def refuse(error: Exception) -> None:
    """What happens at a mixture; to hear of all of them in one go, put something in its place that takes notes."""
    raise error


def _check(func: Any, args: Any, kwargs: Any) -> None:
    manner, given = _manner(func), args
    if func.overloadpacket in _INDEXED:
        if not isinstance(args[0], PretendedTensor):
            refuse(RuntimeError(f"{func}: indices should be on cpu or on the same device as the indexed tensor (cpu)"))
        given = (args[0], *args[2:])
    for one in _leaves((*given, *kwargs.values())):
        if isinstance(one, torch.Generator):
            refuse(RuntimeError(f"{func}: Expected a 'cuda' device type for generator but found 'cpu'"))
        if not isinstance(one, Tensor) or isinstance(one, PretendedTensor):
            continue
        if (manner.takes_numbers and one.ndim == 0) or (torch._C._current_graph_task_id() != -1 and not one.any()):
            continue  # the latter are zeros in the place of a gradient that nothing asked for, which C++ makes
        refuse(
            RuntimeError(
                f"{func}: Expected all tensors to be on the same device, but found at least two devices, cuda:0 and "
                f"cpu! The one on the CPU has shape {tuple(one.shape)}"
            )
        )
    for place in manner.written:
        if place < len(args) and not isinstance(args[place], PretendedTensor):
            refuse(RuntimeError(f"{func}: a tensor of the GPU is written into one of the CPU"))


def _leaves(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _leaves(value)
        else:
            yield value


class _Move(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: Tensor, to_gpu: bool) -> Tensor:
        ctx.to_gpu = to_gpu
        return _moved(given, to_gpu)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _moved(grads[0], not ctx.to_gpu), None


def _moved(given: Tensor, to_gpu: bool) -> Tensor:
    """A copy of a tensor on the other of the two devices."""
    if to_gpu:
        return PretendedTensor(_plain(given.detach()).clone())
    assert isinstance(given, PretendedTensor)
    return given.held.clone()


def _plain(given: Tensor) -> Tensor:
    """Without the subclass that a Parameter is."""
    return given if type(given) is Tensor else given.as_subclass(Tensor)


def _device(said: Any) -> torch.device | None:
    if said is None or isinstance(said, torch.device):
        return said
    return torch.device("cuda", said) if isinstance(said, int) else torch.device(said)


def _maker(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function that makes tensors, on either device."""

    def make(*args: Any, device: Any = None, **kwargs: Any) -> Any:
        wanted = _device(device)
        if wanted is None:
            return original(*args, **kwargs)
        if wanted.type == "cuda" and isinstance(kwargs.get("generator"), torch.Generator):
            refuse(RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'"))
        if wanted.type not in ("cuda", "cpu"):
            return original(*args, device=wanted, **kwargs)
        gradient = kwargs.pop("requires_grad", False)
        made = original(*_opened(args), device=_CPU, **kwargs).detach()
        return (PretendedTensor(_plain(made)) if wanted.type == "cuda" else made).requires_grad_(gradient)

    return make


def _mover(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        device, rest = kwargs.pop("device", None), list(args)
        if rest and isinstance(rest[0], Tensor):
            other = rest.pop(0)
            device, rest = other.device, [other.dtype, *rest]
        elif rest and not isinstance(rest[0], torch.dtype):
            device = rest.pop(0)
        kwargs |= dict(zip(("dtype", "non_blocking", "copy"), rest, strict=False))
        device = _device(device)
        options = {name: value for name, value in kwargs.items() if value is not None}
        if device is not None and device.type not in ("cuda", "cpu"):
            return original(self, device, **options)
        moved = original(self, **options) if options else self
        if device is None or (device.type == "cuda") == isinstance(moved, PretendedTensor):
            return moved
        return _Move.apply(moved, device.type == "cuda")  # type: ignore[return-value]

    return to


def _enter_without_gradients(mode: Any) -> None:
    mode.before = torch.is_grad_enabled()
    torch.set_grad_enabled(not mode.mode)


def _one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """PyTorch's makes a range in C++, on the device that C++ knows."""
    count = int(tensor.max()) + 1 if num_classes == -1 else num_classes
    return (tensor[..., None] == torch.arange(count, device=tensor.device)).long()


def _asked_by_the_package() -> bool:
    frame: Any = sys._getframe()
    while frame.f_globals is globals():
        frame = frame.f_back
    return frame.f_globals.get("__name__", "").startswith("zoetrope")


@contextlib.contextmanager
def pretended_gpu() -> Iterator[torch.device]:
    """While it lasts PyTorch takes the pretended GPU for one that is there; gives its device."""
    # What `with torch.device(...)` looks out for is noted down once: the functions themselves, not what replaces them.
    _device_constructors()
    with contextlib.ExitStack() as stack:

        def put(where: Any, name: str, value: Any) -> None:
            stack.enter_context(mock.patch.object(where, name, value))

        for name in _MAKERS:
            put(torch, name, _maker(getattr(torch, name)))
        for name in _METHODS:
            put(Tensor, name, _maker(getattr(Tensor, name)))
        to = _mover(Tensor.to)
        put(Tensor, "to", to)
        put(Tensor, "cpu", lambda self, *_, **__: to(self, _CPU))
        put(Tensor, "cuda", lambda self, *_, **__: to(self, GPU))
        put(Tensor, "type_as", lambda self, other: to(self, other))
        # Parameters that move become others; by default their data is put in the place of the old.
        before = torch.__future__.get_overwrite_module_params_on_conversion()
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, before)
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        # PyTorch asks itself as well, before it goes to a driver that is not there.
        put(torch.cuda, "is_available", _asked_by_the_package)
        put(torch.cuda, "device_count", lambda: int(_asked_by_the_package()))
        put(torch.nn.functional, "one_hot", _one_hot)
        # Tensors of inference mode, which count no versions, cannot be wrapped: without gradients they will do.
        put(torch.inference_mode, "__enter__", _enter_without_gradients)
        put(torch.inference_mode, "__exit__", lambda self, *_: torch.set_grad_enabled(self.before))
        put(torch.cuda, "synchronize", lambda *_: None)
        # A compiled kernel runs on a real GPU alone: pictures are drawn as on one that Triton does not serve.
        for module in ("fragment", "coverage"):
            put(
                import_module(f"zoetrope.representations.rendering.{module}"),
                "choose_backend",
                lambda device: "torch" if device.type == "cuda" else choose_backend(device),
            )
        put(torch.cuda, "is_bf16_supported", lambda *_, **__: False)
        yield GPU
