"""One assembled, multi-agency picture of a child from the fragments one person has opened and verified."""
