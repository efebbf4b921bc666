"""`python -m sciagents` is the command `sci-agents`."""

from sciagents.cli import main

main()
