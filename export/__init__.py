"""From a trained run to a model that is served: export, check, server, client."""
