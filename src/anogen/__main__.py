"""``python -m anogen``."""

from anogen.cli import main

main()
