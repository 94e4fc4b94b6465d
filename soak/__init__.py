"""Hours of many streams through a vendor that fails at random: `python -m soak`, see docs/operations.md."""
