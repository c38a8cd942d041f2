"""`arena reproduce`: experiments played, drawn, and put beside what was claimed."""
