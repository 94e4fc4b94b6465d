"""The spec author's toolkit: lint, explain, record, draft, compare, describe and migrate specs.

It stands on the engine and on spec tests; the commands of `specbuilder.cli` only print what it finds.
"""
