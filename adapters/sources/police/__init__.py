"""Police: the new-case message that a force's record system sends to the courts (CJSE "SPI", schema 0.6g)."""
