"""Attention, probabilities and perturbations inside a trained network, as arrays and figures."""
