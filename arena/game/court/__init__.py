"""The court: referee, disputes, verdicts and the statistics that they rest on."""
