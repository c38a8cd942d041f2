"""What a person sees: command line, progress, TensorBoard, reports."""
