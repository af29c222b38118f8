"""The shapes of folders that datasets come in."""
