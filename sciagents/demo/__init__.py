"""A short real session: all processes, the example requests, and one incident from its first alert to its end.

Comes in: nothing but `examples/requests/`. Goes out: what happened, as text; everything else stays under its folder.
`session` is the story; `receivers` are the mail server and the Slack endpoint that it is told to.
"""
