"""The commands of `sci-agents`, a module for each kind: what comes in is the command line, what goes out is text or JSON.

`shared` holds the options that many take. A module that runs a process imports it when it is called: Faust is slow to
import, and `--help` is not to wait for it.
"""
