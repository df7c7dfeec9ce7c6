"""The pages as a web site: ``make docs``."""

import ddaudit

project = "ddaudit"
author = "The ddaudit authors"
project_copyright = "The ddaudit authors"
release = version = ddaudit.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "numpydoc"]
exclude_patterns = ["images", "schema"]
myst_heading_anchors = 3
# The page on safety shows bytes, and some examples are excerpts: colours are left out where a lexer stumbles.
suppress_warnings = ["misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc shows them
numpydoc_show_class_members = False

html_theme = "furo"
html_title = "ddaudit"
