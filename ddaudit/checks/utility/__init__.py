"""Does training on the set give what was promised?"""
