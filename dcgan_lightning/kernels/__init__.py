"""Other ways to compute what the networks are made of: faster on a CPU, the same results up to rounding.

Each module is one such way, with the interface of the operation it stands in for. `choose` says where each
is used.
"""
