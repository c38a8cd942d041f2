"""An owner's keys as files: kept private, committed to, opened before a judge."""
