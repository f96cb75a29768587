"""What can go wrong with an answer."""

from parley.errors import ParleyError


class AnswerError(ParleyError):
    """An engine gave no answer, or not the rest of one."""

    retryable = True
    code = "answer"


class AnswerBudgetError(AnswerError):
    """The room's budget of model answers is used up."""

    retryable = False
    code = "answer-budget"
