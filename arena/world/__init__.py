"""What is being stolen: data, models, training, tasks."""
