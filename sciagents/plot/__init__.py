"""Pictures of results: `sci-agents result ID --plot FILE`.

Comes in: a result's outputs, with arrays. Goes out: a figure of matplotlib, which the extra `plot` brings. Start at
`draw`: it chooses the picture by what the outputs have. `lines`, `bars` and `fields` hold the pictures.
"""
