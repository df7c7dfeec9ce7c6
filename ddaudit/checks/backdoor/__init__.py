"""Is a trigger hidden in the set?"""
