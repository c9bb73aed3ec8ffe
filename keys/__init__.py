"""Who said so, and can we prove it? Keys, signatures, certificates, sealing and proofs; the code only, never key material."""
