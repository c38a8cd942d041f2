"""Speed of DeepJudge: its adversarial examples, its white-box tests, its metrics."""
