"""Public: DeepJudge's distances, the form of its tests, and that of its keys."""
