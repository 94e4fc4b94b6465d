"""Measures the speed of a bare loop, of the official plugins and of ours, side by side: `python -m bench`."""
