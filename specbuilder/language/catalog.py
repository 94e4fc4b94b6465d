"""The bundled specs: `specs/` beside the package in a checkout, inside the package when installed."""

from __future__ import annotations

from pathlib import Path

__all__ = ["bundled", "bundled_path", "specs_folder"]

_PACKAGE = Path(__file__).resolve().parents[1]


def specs_folder() -> Path:
    """The folder of the bundled specs."""
    inside = _PACKAGE / "specs"
    return inside if inside.is_dir() else _PACKAGE.parent / "specs"


def bundled() -> list[str]:
    """The names of all bundled specs, sorted."""
    return sorted(path.stem for path in specs_folder().glob("*.yaml"))


def bundled_path(name: str) -> Path | None:
    """The file of a bundled spec, by its name with or without `.yaml`; None when there is none."""
    stem = name.removesuffix(".yaml")
    # Only names that are listed, so that no path can be smuggled in as a name.
    return specs_folder() / f"{stem}.yaml" if stem in bundled() else None
