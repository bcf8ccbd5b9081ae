"""Training of the networks that ship with Atelier; the only room that may be slow to import."""
