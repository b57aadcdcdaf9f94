"""The ground floor: files, errors, processes, devices, randomness; knows no GANs, no Lightning, no Hydra."""
