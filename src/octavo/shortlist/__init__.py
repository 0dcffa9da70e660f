"""Shortlists built from what a model translates: read, translate, align, count, choose, measure."""
