"""Finds, verifies and serves Fashion-MNIST."""
