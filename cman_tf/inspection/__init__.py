"""What goes on inside a trained network on one sentence: numbers, and pictures of them."""
