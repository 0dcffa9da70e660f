"""What all commands share: lines in, lines out, progress, notes, and how a failure is told."""
