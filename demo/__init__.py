"""The story of one invented child, told by real processes. Everybody and every record in it is made up."""
