"""The person index: which person records are one person, kept from build to build.

It reads `intermediate.int_person_descriptions` and writes the schema `person_index`. A description is made comparable in
`descriptions`; who is compared with whom, and what it weighs, stands in `scoring` by a `model` that `training` learns; who
is one person then, in `clustering`; what a person is called and remembered by, in `identities`. An `updating` does all this
for what changed. People have the last word, in `decisions`.
"""

from cares.person_index.evaluation import Evaluation, evaluate, judge_build
from cares.person_index.identities import IndexSummary
from cares.person_index.updating import update

__all__ = ["Evaluation", "IndexSummary", "evaluate", "judge_build", "update"]
