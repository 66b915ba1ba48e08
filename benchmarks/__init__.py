"""What the models cost and how good they are; run as `python -m benchmarks.NAME`."""
