"""A made-up borough with known truth: who lives there, what care they have, and what each organisation sends of it.

`Simulation` makes the borough from a number of people and a seed, and writes an outbox and its answer key.
The same seed gives the same bytes. Of `cares` it knows the contracts only, so that nothing which it
knows about who is who can reach the person index.

residents and homes: who lives where. bodies: the codes of councils, commissioners and trusts by day. lives: what
happens to them, told together as one story. records: what each organisation has on file. organisations: what they
send. faults: what is wrong with it, on purpose. files: how it is written. truth: how much really happened. figures:
what the borough is like, beside published figures.
"""

from __future__ import annotations

from cares.simulator.simulation import Delivered, Simulation, SimulationError

__all__ = ["Delivered", "Simulation", "SimulationError"]
