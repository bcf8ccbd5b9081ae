"""Network definitions: a config dataclass and an ``nn.Module`` per file; imports torch alone."""
