"""A finished run made into something that others use: exports, a server and its page."""
