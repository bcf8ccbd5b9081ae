"""Clips: animated pictures and videos, frame by frame."""
