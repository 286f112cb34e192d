"""The person index: which person records are one person, kept from build to build.

It reads `intermediate.int_person_records` and writes the schema `person_index`. Who matches whom is
decided in `matching` and nowhere else; what a person is called and remembered by, in `identities`.
"""

from cares.person_index.evaluation import Evaluation, evaluate
from cares.person_index.identities import IndexSummary, update

__all__ = ["Evaluation", "IndexSummary", "evaluate", "update"]
