"""Health: FHIR R4 with the UK Core profiles, as PDS, CP-IS, BaRS and the patient flag services write it."""
