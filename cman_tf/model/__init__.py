"""The network as a whole: assembly, losses, adversarial training, decoding."""
