"""Models trained on small sets: what is trained, how, and where the result is kept."""
