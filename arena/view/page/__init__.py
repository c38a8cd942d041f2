"""`arena page`: tournaments as one HTML file that needs no network."""
