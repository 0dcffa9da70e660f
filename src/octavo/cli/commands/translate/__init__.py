"""``octavo translate``: the command, lines and documents."""
