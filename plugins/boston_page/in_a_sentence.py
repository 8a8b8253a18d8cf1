"""A question that fails because the outputs cannot be read is answered with 503 and a sentence: the page asks again."""

from collections.abc import AsyncIterator

from fastapi import Depends, HTTPException

from boston_page.unreadable import UNREADABLE, why_unreadable


async def _in_a_sentence() -> AsyncIterator[None]:
    try:
        yield
    except UNREADABLE as failure:
        name = failure.filename if isinstance(failure, OSError) else None
        raise HTTPException(503, why_unreadable(name or "an output", failure)) from failure


IN_A_SENTENCE = Depends(_in_a_sentence, scope="function")
"""of every router whose routes read the outputs themselves; what of an answer can be left out does not come here"""
