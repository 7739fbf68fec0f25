"""``python -m fleetspec``."""

from fleetspec.cli import main

main()
