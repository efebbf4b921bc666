"""The commands of `sci-agents`, a module for each kind: the command line comes in, text or JSON goes out.

`shared` holds the options that many take. A module that runs a process imports it when it is called: Faust is slow to
import, and `--help` is not to wait for it.
"""
