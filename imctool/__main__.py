"""``python -m imctool``."""

from imctool.cli.main import main

main()
