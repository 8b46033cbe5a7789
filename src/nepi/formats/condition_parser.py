"""Reads conditions from text: "server.started + 1s", "quorum(0.95, [a, b], READY) within 30s". Recursive descent over a few tokens.

    condition = either ["within" DURATION]
    either    = both { "|" both }
    both      = later { "&" later }
    later     = one { "+" DURATION }
    one       = "(" condition ")" | NAME "." STATE ["or" "beyond"] | NAME ".exited(" STATUS ")"
              | "all_of([" NAMES "]," STATE ["or" "beyond"] ")" | "quorum(" SHARE ", [" NAMES "]," STATE ["or" "beyond"] ")"
              | "trace_matches(" NAME "," PATTERN ["," TRACE] ")"

STATE is any state, or "ended". A NAME with other characters than letters, digits and _ : @ - . stands in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from nepi.errors import BadValueError, UnknownResourceError, did_you_mean
from nepi.formats import condition_words as words
from nepi.formats.condition_words import ConditionTextError
from nepi.model.conditions import Condition, Exited, Reached, quorum, trace_matches
from nepi.model.states import ResourceState

GuidOf = Callable[[str], int]
"""Returns the guid of a name, or raises UnknownResourceError."""

_TOKEN = re.compile(r"""\s*(?:(?P<quoted>"(?:[^"]|"")*"|'(?:[^']|'')*')|(?P<word>-?\w[\w.:@%-]*)|(?P<sign>[()\[\],&|+.]))""")
_FUNCTIONS = (words.QUORUM, words.ALL_OF, words.TRACE_MATCHES)
_PROPERTIES = (*words.STATES, words.ENDED, words.EXITED)


class Token(NamedTuple):
    """A piece of the text: kind is "word", "quoted", "sign" or "end"; the column counts from 0."""

    kind: str
    text: str
    column: int


def parse_condition(text: str, guid_of: GuidOf) -> Condition:
    """Return the condition that a text says.

    Raises:
        ConditionTextError: it is not understood, or speaks of a resource that is not there; the column is in it.
    """
    if len(text) > words.MOST_CHARACTERS:
        raise ConditionTextError(f"a condition has at most {words.MOST_CHARACTERS} characters", 0)
    parser = _Parser(_tokens(text), guid_of)
    condition = parser.condition()
    parser.end()
    return condition


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            column = position + len(text[position:]) - len(text[position:].lstrip())
            rest = text[column]
            what = "the quote is never closed" if rest in "\"'" else f"{rest!r} is not part of a condition"
            raise ConditionTextError(what, column)
        kind = match.lastgroup or ""
        tokens.append(Token(kind, match[kind], match.start(kind)))
        position = match.end()
    return [*tokens, Token("end", "", len(text))]


class _Parser:
    def __init__(self, tokens: list[Token], guid_of: GuidOf) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._guid_of = guid_of

    # Tokens.

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _takes(self, sign: str) -> bool:
        if self._next.kind == "sign" and self._next.text == sign:
            self._take()
            return True
        return False

    def _expect(self, sign: str, why: str) -> None:
        if not self._takes(sign):
            self._refuse(f"{sign!r} {why}")

    def _refuse(self, expected: str, token: Token | None = None) -> NoReturn:
        found = token or self._next
        got = "but the text ends here" if found.kind == "end" else f"got {found.text!r}"
        raise ConditionTextError(f"expected {expected}, {got}", found.column)

    def end(self) -> None:
        """Refuse what is left over."""
        if self._next.kind != "end":
            hint = {"and": "'&'", "or": "'|'", "&&": "'&'"}.get(self._next.text.lower(), "'&', '|', '+ 1s', 'within 30s' or the end")
            self._refuse(f"{hint}")

    # The grammar, from the loosest to the tightest.

    def condition(self) -> Condition:
        """Read a condition."""
        self._depth += 1
        if self._depth > words.MOST_DEPTH:
            raise ConditionTextError(f"more than {words.MOST_DEPTH} parentheses within each other", self._next.column)
        condition = self._either()
        while self._next.kind == "word" and self._next.text == words.WITHIN:
            self._take()
            condition = self._with_duration(condition.within)
        self._depth -= 1
        return condition

    def _either(self) -> Condition:
        condition = self._both()
        while self._takes("|"):
            condition = condition | self._both()
        return condition

    def _both(self) -> Condition:
        condition = self._later()
        while self._takes("&"):
            condition = condition & self._later()
        return condition

    def _later(self) -> Condition:
        condition = self._one()
        while self._takes("+"):
            condition = self._with_duration(condition.__add__)
        return condition

    def _with_duration(self, make: Callable[[str], Condition]) -> Condition:
        token = self._take()
        if token.kind != "word":
            self._refuse("a time like 1s or 1m30s", token)
        try:
            return make(token.text)
        except BadValueError as error:
            raise ConditionTextError(str(error), token.column) from None

    def _one(self) -> Condition:
        token = self._next
        if self._takes("("):
            condition = self.condition()
            self._expect(")", "at the end of the part in parentheses")
            return condition
        if token.kind == "word" and token.text in _FUNCTIONS and self._tokens[self._at + 1].text == "(":
            return self._function(self._take())
        if token.kind == "word":
            self._take()
            name, _, prop = token.text.rpartition(".")
            if not name:
                self._refuse(f"a condition such as {token.text}.started", token)
            return self._property(Token("word", name, token.column), Token("word", prop, token.column + len(name) + 1))
        if token.kind != "quoted":
            self._refuse("a condition such as server.started")
        name_token = self._name()
        self._expect(".", "and a state after the name")
        return self._property(name_token, self._take())

    def _property(self, name: Token, prop: Token) -> Condition:
        guid = self._guid(name)
        if prop.text == words.EXITED:
            self._expect("(", "and an exit status, as in exited(0)")
            status = self._number("an exit status like 0")
            self._expect(")", "after the exit status")
            return Exited(guid, status)
        return self._reached((guid,), prop)

    # Parts.

    def _function(self, function: Token) -> Condition:
        self._expect("(", f"after {function.text}")
        if function.text == words.TRACE_MATCHES:
            condition = self._trace_matches()
        else:
            condition = self._group(function)
        self._expect(")", f"at the end of {function.text}(...)")
        return condition

    def _trace_matches(self) -> Condition:
        guid = self._guid(self._name())
        self._expect(",", "and a regular expression in quotes")
        pattern = self._take()
        if pattern.kind != "quoted":
            self._refuse("a regular expression in quotes", pattern)
        trace = words.STDOUT
        if self._takes(","):
            trace = self._name().text
        try:
            return trace_matches(guid, words.unquoted(pattern.text), trace)
        except BadValueError as error:
            raise ConditionTextError(str(error), pattern.column) from None

    def _group(self, function: Token) -> Condition:
        share = self._share() if function.text == words.QUORUM else None
        guids = self._guids()
        self._expect(",", "and a state such as STARTED")
        condition = self._reached(guids, self._take())
        if share is None:
            return condition
        try:
            enough = quorum(share, guids, ResourceState(condition.state))
        except BadValueError as error:
            raise ConditionTextError(str(error), function.column) from None
        assert isinstance(enough, Reached)
        return Reached(enough.guids, condition.state, condition.mode, enough.count)

    def _share(self) -> float | int:
        token = self._take()
        number = re.fullmatch(r"([0-9]+)(\.[0-9]+)?(%?)", token.text)
        if number is None:
            self._refuse("how many (3) or which part (0.95, 95%)", token)
        self._expect(",", "and a list of names in brackets")
        if number[3]:
            return float(number[1] + (number[2] or "")) / 100
        return float(number[0]) if number[2] else int(number[1])

    def _guids(self) -> tuple[int, ...]:
        self._expect("[", "before the names")
        guids = [self._guid(self._name())]
        while self._takes(","):
            guids.append(self._guid(self._name()))
        self._expect("]", "after the names")
        return tuple(guids)

    def _reached(self, guids: tuple[int, ...], word: Token) -> Reached:
        lower = word.text.lower()
        if lower == words.ENDED:
            return Reached(guids, ResourceState.STOPPED, "ended")
        if word.kind != "word":
            self._refuse("a state such as started", word)
        if lower not in words.STATES:
            near = did_you_mean(lower, _PROPERTIES) or f"; use one of {', '.join(_PROPERTIES)}"
            raise ConditionTextError(f"there is no state {word.text!r}{near}", word.column)
        return Reached(guids, words.STATES[lower], "at_least" if self._beyond() else "strict")

    def _beyond(self) -> bool:
        found = tuple(token.text for token in self._tokens[self._at : self._at + 2])
        if found != words.BEYOND:
            return False
        self._at += 2
        return True

    def _name(self) -> Token:
        token = self._take()
        if token.kind == "quoted":
            return Token("word", words.unquoted(token.text), token.column)
        if token.kind != "word":
            self._refuse("a name", token)
        return token

    def _number(self, what: str) -> int:
        token = self._take()
        if re.fullmatch(r"-?[0-9]{1,9}", token.text) is None:
            self._refuse(f"{what}", token)
        return int(token.text)

    def _guid(self, name: Token) -> int:
        try:
            return self._guid_of(name.text)
        except UnknownResourceError as error:
            raise ConditionTextError(str(error), name.column) from None
