"""Many matches: scenario files, tournament, executors, ledger, artefact store."""
