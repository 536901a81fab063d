"""What stands before the camera, and what leaves the package.

Photos in: `collection.load_collection`, `photo`, `crop`, `nerfstudio`, `keypoints`. The fitted thing: `scene.Scene`
with its `hypotheses.FreeCameras`, or `known_placement.KnownCameras` where cameras are known; the finished one:
`subject.Subject`. Out: `gltf_export`, `usd_export`, `vrm_export`, `mesh_file`, `animation`, `turntable`, `video`,
`contact_sheet`, `deliver`.
Errors whose message is for the user: `error`. This face imports no PyTorch.
"""
