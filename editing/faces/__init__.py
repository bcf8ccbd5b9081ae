"""Faces: found, aligned to a common frame, restored, compared, and put back."""
