"""What everybody may know of marks in texts: all of their maths; only keys are secret."""
