"""Go's `text/template` as Alertmanager's configurations use it: texts of channels, and files that `templates` names.

Comes in: template texts, and a `data.Data` of what is to be told. Goes out: text. `scan` cuts, `tree` parses, `execute`
fills in, within bounds of steps, depth and size; `functions` are Go's and Alertmanager's, `library` what is defined.
No template reaches anything but its data: fields and methods are those of `data` and `times` alone.
"""
