"""The commands, one file each; ``quantize`` has a folder of its own."""
