"""When a sample cannot carry the estimate that is asked of it."""


class TooFewExamplesError(ValueError):
    """The estimate is refused: the sentence says how many examples there are and how many it takes."""
