"""The network's layers, one public class per file."""
