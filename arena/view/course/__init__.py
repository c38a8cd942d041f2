"""What teachers and students see of coursework: hand-outs, grades, pages, a platform's zip."""
