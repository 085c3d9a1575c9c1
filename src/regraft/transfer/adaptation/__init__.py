"""Crossing domains: a head for images of one kind, learnt mostly from labelled images of another."""
