"""Meetings, votes and decisions of a panel: fragments like everything else."""
