"""Who said so, and can we prove it? Keys, signatures, certificates, sealing, proofs. Code only, never key material."""
