"""The quality report as a page of HTML."""
