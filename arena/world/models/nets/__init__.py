"""The networks that ship: each file registers its architectures by name."""
