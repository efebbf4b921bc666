"""`python -m sciagents` is the command `sci-agents`."""

from sciagents.cli import main

if __name__ == "__main__":
    main()
