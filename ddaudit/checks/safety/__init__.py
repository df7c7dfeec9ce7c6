"""Is the file what it seems, and safe to open?"""
