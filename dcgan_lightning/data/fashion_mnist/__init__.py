"""Finds, verifies and loads Fashion-MNIST."""
