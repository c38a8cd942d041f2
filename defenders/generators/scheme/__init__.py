"""What everybody may know of marks in generators: their maths and the form of keys."""
