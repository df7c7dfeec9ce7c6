"""What a file is and whether it is safe, told without training and without torch."""
