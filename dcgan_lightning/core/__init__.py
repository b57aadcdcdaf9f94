"""The ground floor: files, errors, processes, devices, randomness; no GANs, no Lightning, no Hydra."""
