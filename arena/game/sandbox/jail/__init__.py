"""The walls: bubblewrap, and the system calls that seccomp lets through."""
