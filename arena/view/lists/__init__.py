"""Lists of what there is: players, scenarios, data, models, threat models."""
