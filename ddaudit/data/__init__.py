"""From a stranger's bytes to plain arrays, and the originals that they are compared with."""
