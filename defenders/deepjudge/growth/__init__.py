"""Growing test cases: seeds, black-box and white-box tests, tuning."""
