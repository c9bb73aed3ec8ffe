"""What the project's main acts cost, as ratios to baselines measured in the same run (docs/bench.md)."""
