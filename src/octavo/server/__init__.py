"""The service: an engine behind HTTP. ``octavo serve`` starts it."""
