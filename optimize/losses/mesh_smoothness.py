"""Smoothness of a mesh as it rests: how far vertices are from their neighbours' mean, how far neighbouring faces turn.

The uniform Laplacian and the normal consistency that LASSIE (Yao et al., NeurIPS 2022) and its successors regularise
their parts with (Nealen et al., Laplacian Mesh Optimization, GRAPHITE 2006):

    mean_v | mean_{w ~ v} x_w - x_v |,        mean_{f ~ g} 1 - n_f . n_g
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.geometry.mesh import face_normals
from ...representations.rendering.topology import Topology


def laplacian_loss(vertices: Float[Tensor, "V 3"], topology: Topology) -> Float[Tensor, ""]:
    """Mean distance of vertices from the mean of their neighbours; 0 for a mesh without edges."""
    first, second = topology.edges.long().unbind(1)
    ends, others = torch.cat([first, second]), torch.cat([second, first])
    total = torch.zeros_like(vertices).index_add(0, ends, vertices.index_select(0, others))
    count = vertices.new_zeros(len(vertices)).index_add(0, ends, vertices.new_ones(len(ends)))
    off = total / count.clamp_min(1)[:, None] - vertices
    return torch.where(count[:, None] > 0, off, 0).square().sum(1).clamp_min(1e-16).sqrt().mean()


def normal_loss(vertices: Float[Tensor, "V 3"], topology: Topology) -> Float[Tensor, ""]:
    """Mean of 1 - cosine over pairs of faces that share an edge; 0 where no two do."""
    pairs = topology.edge_faces[:, :2].long()
    pairs = pairs[(pairs >= 0).all(1)]
    if len(pairs) == 0:
        return vertices.sum() * 0
    normals = torch.nn.functional.normalize(face_normals(vertices, topology.faces.long()), dim=-1, eps=1e-12)
    return 1 - (normals.index_select(0, pairs[:, 0]) * normals.index_select(0, pairs[:, 1])).sum(-1).mean()
