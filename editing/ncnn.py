"""Read an ncnn pair (``.param`` and ``.bin``) as a PyTorch state dict."""
