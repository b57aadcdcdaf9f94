"""What one does with a trained generator: load, sample, explore, export."""
