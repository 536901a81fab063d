"""Readers of the datasets of the field: each turns what its authors publish into a collection on disk.

`kind.read_dataset` opens any of them, `dataset.write_dataset` writes what was read. One file per dataset: `lassie`,
`pascal_part`, `coco` (AP-10K and Animal-Pose among them), `stanford_extra`, `nerfstudio_folder`.
"""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".kind": "read_dataset",
        ".dataset": "Dataset DatasetPhoto write_dataset",
        ".coco": "read_coco",
        ".lassie": "read_lassie",
        ".stanford_extra": "read_stanford_extra",
        ".pascal_part": "read_pascal_part",
        ".nerfstudio_folder": "read_nerfstudio",
    },
)
