"""The copyright arena: thieves steal neural networks, owners prove whose they are.

Importing this package is cheap on purpose: `torch` is imported by the floors that compute.
"""

__version__ = "0.1.0"
DISTRIBUTION = "copyright-arena"
"""What `pip` calls it: tells this package from others of its name."""
