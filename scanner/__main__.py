"""Run the command line as `python -m scanner`: for images that have no script folder."""

from scanner.cli import main

main()
