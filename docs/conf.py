"""The documentation as pages: ``sphinx-build -W docs OUTPUT`` (needs the docs extra; nothing is fetched)."""

project = "Octavo"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = "Octavo"
html_show_copyright = False
myst_heading_anchors = 4
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
smartquotes = False
suppress_warnings = ["myst.xref_missing"]
