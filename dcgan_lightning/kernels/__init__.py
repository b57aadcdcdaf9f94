"""Other ways to compute what the networks are made of: faster on a CPU, the same results up to rounding.

Each module is one such way, with the interface of the operation it replaces. `choose` says where each
is used.
"""
