"""The light in a photo, as a function of the normal alone: how much brighter a surface is for facing that way.

In each colour channel c of photo p the logarithm of the light on a unit normal n, in the camera's axes, is a spherical
function of the second degree,

    log L_pc(n) = sum_k h_pck Y_k(n),    k = 1..9,

so that light is never negative, albedo and light are added in logarithms, and a photo's exposure and white balance are
the constant terms. Diffuse light depends on the normal in no finer way (Ramamoorthi and Hanrahan, An Efficient
Representation for Irradiance Environment Maps, SIGGRAPH 2001); shadows that one part casts on another are left out.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..geometry.harmonic import spherical_harmonics
from ..tensor_structure import TensorStructure

DEGREE = 2
TERMS = (DEGREE + 1) ** 2


class PhotoLight(TensorStructure):
    """The light of B photos."""

    coefficients: Float[Tensor, "B 3 9"]
    """h, by colour channel (red, green, blue), functions in the order of `harmonic.spherical_harmonics`."""

    def on(self, normals: Float[Tensor, "N 3"], photo: Int[Tensor, " N"]) -> Float[Tensor, "N 3"]:
        """Factors on linear albedo where unit `normals` face, each in the axes of the camera of its `photo`.

        >>> dark = PhotoLight(torch.tensor([[[-1.0, *[0.0] * 8]] * 3]))
        >>> dark.on(torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([0])).tolist()
        [[0.3678794503211975, 0.3678794503211975, 0.3678794503211975]]
        """
        terms = light_terms(normals)
        own = self.coefficients.to(terms).index_select(0, photo)
        return (own @ terms[..., None])[..., 0].exp()

    def select(self, index: Tensor | slice) -> PhotoLight:
        """The light of the photos at `index`."""
        return PhotoLight(self.coefficients[index])


def light_terms(normals: Float[Tensor, "N 3"]) -> Float[Tensor, "N 9"]:
    """Y: the functions that logarithms of light are sums of, of mean square 1 over all normals."""
    return spherical_harmonics(torch.nn.functional.normalize(normals, dim=-1, eps=1e-12), DEGREE)
