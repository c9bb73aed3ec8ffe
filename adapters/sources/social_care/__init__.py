"""Readers of children's social care: the CIN census (XML) and the SSDA903 return (CSV)."""
