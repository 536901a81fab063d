"""What surfaces on a template have in common until they are unified."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NoReturn

from torch import Tensor, nn

from ..body.skeleton import Skeleton
from .united_surface import UnitedSurface


class TemplateSurface(nn.Module, ABC):
    """A deformed template: its faces may change, and its joints are where the template and its parameters have them."""

    @abstractmethod
    def skeleton(self) -> Skeleton:
        """The skeleton that the surface is bound to, at rest."""

    @property
    def united(self) -> bool:
        """False: it is not yet one mesh whose faces stay."""
        return False

    def normalise(self) -> NoReturn:
        """Raises ValueError: the joints are tied to their template until the surface is unified."""
        raise ValueError("only a united subject is normalised: the parts' joints are tied to their template")

    def unified_from(self, state: Mapping[str, Tensor]) -> UnitedSurface:
        """The unified surface on this skeleton whose `state_dict` that is."""
        return UnitedSurface(self.skeleton(), state)
