"""May it? What is shared, with whom, for what purpose and on what authority. Pure: no web, no database, no clock."""
