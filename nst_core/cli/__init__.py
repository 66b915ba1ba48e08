"""Provide the command line: one file per command or group of commands, and what they share."""

from nst_core.cli.app import main
from nst_core.cli.texture_networks import train_network

__all__ = ["main", "train_network"]
