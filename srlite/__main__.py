"""`python -m srlite COMMAND`: the same as the installed command `srlite`."""

from srlite.cli import run

if __name__ == "__main__":
    run()
