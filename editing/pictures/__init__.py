"""Pictures: what a decoded one is, files to arrays and back, masks, and tiles."""
