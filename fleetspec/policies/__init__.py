"""Policies on changes: what they see (:mod:`case`), the rules that ship (:mod:`rules`), those of others
(:mod:`plugins`), and what all of them come to (:mod:`judging`)."""
