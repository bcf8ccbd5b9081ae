"""What the tabs and commands call: one verb, one options class and one function a file."""
