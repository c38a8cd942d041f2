"""Where data come from: folders, archives, torchvision, scikit-learn, formulas."""
