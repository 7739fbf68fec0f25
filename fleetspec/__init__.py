"""Declarative spec compiler and capacity planner for fleets of time-series models."""

__version__ = "0.1.0"
