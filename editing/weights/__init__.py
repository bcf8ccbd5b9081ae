"""Weights: the catalogue, and how a weight is found, verified, fetched and loaded."""
