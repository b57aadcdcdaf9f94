"""Lightning's training loop: start, stop, resume, checkpoint files, several processes."""
