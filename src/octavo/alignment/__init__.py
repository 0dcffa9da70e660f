"""Which heads of the cross-attention align target tokens with source tokens: chosen by statistics of text."""
