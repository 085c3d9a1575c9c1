"""Runs behind HTTP: the Open Inference Protocol, a route for people, and a page."""
