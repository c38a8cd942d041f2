"""A model behind HTTP: for anybody to try `arena judge` on, or for a course, on a budget."""
