"""Files that others read and write too: written whole, locked, kept in a cache."""
