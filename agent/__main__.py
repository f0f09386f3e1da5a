"""`python -m agent` is the `byleave` command."""

from agent.cli import main

if __name__ == "__main__":
    main()
