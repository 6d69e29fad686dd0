"""The domain: what a message says, where it stands in the queue, and how we make amends.

Imports no web framework and no model library; `models` implements the protocols of `triage.protocols`
and `api` serves the result.
"""
