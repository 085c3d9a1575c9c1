"""The page for people at `/` of a server, and what it asks for: no build step, nothing from the network."""
