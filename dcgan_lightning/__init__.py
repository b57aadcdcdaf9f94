"""Train, understand and use a DCGAN on Fashion-MNIST with PyTorch Lightning and Hydra.

The package root stays free of heavy imports, so that a wrong setting is refused
before PyTorch is loaded.
"""

__version__ = "0.1.0"
