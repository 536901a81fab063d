"""Readers of the datasets of the field: each turns what its authors publish into a collection on disk.

`kind.read_dataset` opens any of them, `dataset.write_dataset` writes what was read. One file per dataset: `lassie`,
`pascal_part`, `coco` (AP-10K and Animal-Pose among them), `stanford_extra`, `nerfstudio_folder`.
"""
