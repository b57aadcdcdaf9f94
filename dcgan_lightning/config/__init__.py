"""What may be set, and the checks that refuse everything else. Imports no PyTorch."""
