"""The forms that messages of a feed were seen in, learnt from the messages themselves."""

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.feeds.message_shapes import DesiredRun, MessageShape, form_of

_MOST_FORMS = 16
_SAMPLES = 4


def having(form: MessageShape, messages: pa.Array) -> pa.Array:
    """Whether each message has the form; a null has none."""
    return pc.fill_null(pc.match_substring_regex(messages, rf"\A(?:{form.pattern})\z"), False)


class KnownForms:
    """The most used first. What is forgotten is learnt again: a form decides the speed of a message, never its row."""

    def __init__(self, wanted: DesiredRun) -> None:
        self._wanted = wanted
        self._forms: tuple[MessageShape, ...] = ()

    def sorted_out(self, messages: pa.Array) -> list[tuple[MessageShape | None, pa.Array]]:
        """The places of the messages by their form; None: no known one."""
        left = _Left(messages)
        for form in self._forms:
            left.take(form)
        for sample in range(_SAMPLES):
            new = left.form_of_one(sample / _SAMPLES, self._wanted)
            # A message may be too odd for the form it has without its values.
            if new is not None and new not in left.forms:
                left.take(new)
        by_use = sorted(left.found, key=lambda of_form: len(of_form[1]), reverse=True)
        self._forms = tuple(form for form, _ in by_use[:_MOST_FORMS])
        return [of_form for of_form in (*by_use, (None, left.places)) if len(of_form[1])]


class _Left:
    """The messages of a batch that no form was found for yet."""

    def __init__(self, messages: pa.Array) -> None:
        self._messages = messages
        self.places = pa.array(range(len(messages)), pa.int64())
        self.found: list[tuple[MessageShape, pa.Array]] = []

    @property
    def forms(self) -> list[MessageShape]:
        return [form for form, _ in self.found]

    def take(self, form: MessageShape) -> None:
        messages = self._messages.take(self.places) if self.found else self._messages
        has_form = having(form, messages)
        self.found.append((form, self.places.filter(has_form)))
        self.places = self.places.filter(pc.invert(has_form))

    def form_of_one(self, where: float, wanted: DesiredRun) -> MessageShape | None:
        if not len(self.places):
            return None
        return form_of(self._messages[self.places[int(where * len(self.places))].as_py()].as_py(), wanted)
