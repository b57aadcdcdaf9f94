"""Hooks into Hydra's multirun and Optuna."""
