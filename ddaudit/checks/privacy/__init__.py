"""What does the set give away about the people in the original?"""
