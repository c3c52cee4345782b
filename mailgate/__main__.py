"""Lets `python -m mailgate` be the command line."""

from mailgate.cli import main

main()
