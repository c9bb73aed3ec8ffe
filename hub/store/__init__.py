"""What the hub keeps: tables, sessions, migrations. The only part of the hub that speaks SQL."""
