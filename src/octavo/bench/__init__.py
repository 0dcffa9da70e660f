"""How fast this machine translates, and how near that is to what it could do."""
