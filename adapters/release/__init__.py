"""From what an agency holds or a person writes to fragments ready to be sealed."""
