"""The classifier of Fashion-MNIST, its weights, and the scores' anchors."""
