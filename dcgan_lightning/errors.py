"""Errors a user can mend. Each message is one line: what is wrong, where, and what to do."""


class DCGANError(Exception):
    """Base of every error that is the input's fault and not the program's."""


class ConfigError(DCGANError):
    """A setting is wrong; the message names its key and the remedy."""


class DataError(DCGANError):
    """The image data is missing, damaged or not what it should be."""


class CheckpointError(DCGANError):
    """A checkpoint is missing, damaged or does not belong to this configuration."""


class RunFolderError(DCGANError):
    """The run folder cannot be used: it holds another run or cannot be written."""


class DivergedError(DCGANError):
    """Training ran into numbers that are not finite."""


class ProcessError(DCGANError):
    """Another process of the same job is gone."""
