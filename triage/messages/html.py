"""The plain rendering of an HTML mail: what is stored, scored and counted in offsets.

A stream of tags, not a tree, and own code, because mails are hostile: a tree builder needs time quadratic in nesting
and in attributes (lexbor: 43 s for 100,000 nested `div`, 267 s for a tag with 150,000 attributes), and html.parser is
quadratic in unclosed tags (72 s for 100,000 `<a`). Here each character is looked at once, and what looks like a tag for
at most `_TAG_LENGTH` characters, `_BROKEN` times in vain.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

from triage.messages.values import MAX_TEXT

MAX_HTML = 2_000_000  # characters, pictures in attributes included; what follows is not read
MAX_TAGS = 250_000  # a second at most
_TAG_LENGTH = 5_000
_BROKEN = 1_000
_MAX_QUOTES = 9  # deeper quotation needs no more marks to be one

_TAG = re.compile(r"""<(/?)([a-zA-Z][a-zA-Z0-9:-]*)((?:[^<>"']|"[^"]*"|'[^']*')*)>""")
_NAME = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,40})")
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_DROPPED = frozenset("script style title template noscript object iframe svg math select textarea button".split())
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_BLOCKS = frozenset(
    "address article aside blockquote body center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header"
    " hr li main nav ol p pre section table tbody tfoot thead tr ul".split()
)
_SPACED = frozenset("p h1 h2 h3 h4 h5 h6 ul ol table pre blockquote".split())
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all"
    r"|(?:font-size|max-height|opacity)\s*:\s*0(?![.\d]*[1-9])",
    re.IGNORECASE,
)
_INDENTED = re.compile(r"border(?:-left)?\s*:\s*(?:none|0)", re.IGNORECASE)
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\ufeff\u00ad\u034f\u2060"))
_SPACES = re.compile(r"[ \t\r\n\f\v\u00a0\u2007\u202f]+")


def render(html: str) -> str:
    """Returns the text that a reader sees, at most `MAX_TEXT` code points, without scripts and hidden parts.

    Quoted mail gets `> ` before each line, so that `clean` cuts it; a marked signature gets its `-- `.
    """
    page = _Page()
    tags = _Tags()
    for token in _tokens(html[:MAX_HTML].replace("\x00", "")):
        if page.full:
            break
        if isinstance(token, str):
            if not tags.hidden:
                _write(unescape(token).translate(_INVISIBLE), page, tags)
        elif tags.hidden and tags.skips(token):
            continue
        elif token.closing:
            _close(token.name, page, tags)
        else:
            _open(token, page, tags)
    return page.text()


@dataclass(frozen=True, slots=True)
class _Tag:
    name: str
    closing: bool
    attributes: dict[str, str] = field(default_factory=dict)


def _tokens(html: str) -> Iterator[str | _Tag]:
    """Yields texts and tags in order; comments and declarations are left out, a `<` that opens nothing is text."""
    at = broken = 0
    last = html.rfind(">")
    for _ in range(MAX_TAGS):
        start = html.find("<", at)
        if start < 0:
            yield html[at:]
            return
        if start > at:
            yield html[at:start]
        if start >= last or (not html[start + 1].isalpha() and html[start + 1] not in "/!?"):
            yield "<"
            at = start + 1
        elif html[start + 1] in "!?":
            end = html.find("-->" if html.startswith("<!--", start) else ">", start)
            at = len(html) if end < 0 else html.index(">", end) + 1
        elif broken < _BROKEN and (found := _TAG.match(html, start, start + _TAG_LENGTH)):
            yield _Tag(found[2].lower(), bool(found[1]), _attributes(found[3]) if not found[1] else {})
            at = found.end()
        else:  # a picture in an attribute, or a quotation mark too many: the tag is known by its name alone
            broken += 1
            at = html.index(">", start) + 1
            if name := _NAME.match(html, start):
                yield _Tag(name[2].lower(), bool(name[1]))


def _attributes(words: str) -> dict[str, str]:
    if "=" not in words and "hidden" not in words:
        return {}
    return {a[1].lower(): unescape(a[2] or a[3] or a[4] or "") for a in _ATTRIBUTE.finditer(words)}


@dataclass(slots=True)
class _Tags:
    """What is open: only what decides on quotation, hiding and space."""

    open: list[tuple[str, bool]] = field(default_factory=list)  # (div or blockquote, whether quoted)
    counts: Counter[str] = field(default_factory=Counter)
    pre: int = 0
    lists: list[int | None] = field(default_factory=list)  # the next number of an ol, None for a ul
    hidden: str = ""
    depth: int = 0

    def hide(self, name: str) -> None:
        self.hidden, self.depth = name, 1

    def skips(self, tag: _Tag) -> bool:
        """Whether the tag still belongs to the hidden element, closing tag included."""
        if self.hidden == "p" and not tag.closing and tag.name in _BLOCKS:
            self.hidden = ""  # a paragraph ends where the next block begins
        elif tag.name == self.hidden:
            self.depth += -1 if tag.closing else 1
            if self.depth == 0:
                self.hidden = ""
                return True
        return bool(self.hidden)


class _Page:
    """Lines as they grow; stops taking words when it is full."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line = ""
        self.quotes = 0
        self.blank = False
        self.cell = False
        self.bullet = ""
        self.length = 0

    @property
    def full(self) -> bool:
        return self.length > MAX_TEXT

    def write(self, words: str) -> None:
        words = words[: MAX_TEXT + 1]
        if not self.line:
            words = words.lstrip(" ")
            if not words:
                return
            if self.blank and self.lines:
                self._add("")
            self.blank = False
            words, self.bullet = self.bullet + words, ""
        elif self.cell and words.strip():
            self.line, words, self.cell = self.line.rstrip() + " | ", words.lstrip(), False
        elif self.line[-1] == " ":
            words = words.lstrip(" ")
        self.line += words
        self.length += len(words)

    def end_line(self) -> None:
        if self.line.strip():
            self._add(self.line.rstrip())
        self.line, self.cell = "", False

    def break_line(self) -> None:
        if self.line.strip():
            self.end_line()
        else:
            self.line, self.blank = "", True

    def mark(self, line: str) -> None:
        """Adds a line of its own, spaces included."""
        self._add(line)
        self.blank = False

    def text(self) -> str:
        self.end_line()
        return "\n".join(self.lines)[:MAX_TEXT].strip()

    def _add(self, line: str) -> None:
        prefix = "> " * min(self.quotes, _MAX_QUOTES)
        self.lines.append(prefix + line if line else prefix.rstrip())
        self.length += len(prefix) + 1


def _write(words: str, page: _Page, tags: _Tags) -> None:
    if not tags.pre:
        page.write(_SPACES.sub(" ", words))
        return
    for i, line in enumerate(words.split("\n", MAX_TEXT)):
        if i:
            page.break_line()
        page.write(line)


def _open(tag: _Tag, page: _Page, tags: _Tags) -> None:
    name = tag.name
    if name in _DROPPED or (name not in _VOID and _is_hidden(tag)):
        tags.hide(name)
    elif name == "br":
        page.break_line()
    elif name == "img":
        alt = tag.attributes.get("alt", "")
        page.write(alt if len(alt) <= 4 and not alt.isascii() else "")  # emoji are sent as pictures
    elif name in _BLOCKS:
        _open_block(tag, page, tags)


def _open_block(tag: _Tag, page: _Page, tags: _Tags) -> None:
    name = tag.name
    page.end_line()
    page.blank = page.blank or name in _SPACED
    if name == "pre":
        tags.pre += 1
    elif name in ("ul", "ol"):
        tags.lists.append(1 if name == "ol" else None)
    elif name == "li":
        page.bullet = _bullet(tags)
    elif name in ("div", "blockquote"):
        quoted = _is_quote(tag)
        tags.open.append((name, quoted))
        tags.counts[name] += 1
        page.quotes += quoted
        if "gmail_signature" in tag.attributes.get("class", ""):
            page.mark("-- ")


def _bullet(tags: _Tags) -> str:
    number = tags.lists[-1] if tags.lists else None
    if number is None:
        return "- "
    tags.lists[-1] = number + 1
    return f"{number}. "


def _close(name: str, page: _Page, tags: _Tags) -> None:
    if name in ("td", "th"):
        page.cell = bool(page.line)
    if name not in _BLOCKS:
        return
    page.end_line()
    page.blank = page.blank or name in _SPACED
    if name == "pre":
        tags.pre = max(0, tags.pre - 1)
    elif name in ("ul", "ol") and tags.lists:
        tags.lists.pop()
    while tags.counts[name]:  # also closes what was left open inside
        closed, quoted = tags.open.pop()
        tags.counts[closed] -= 1
        page.quotes -= quoted
        if closed == name:
            break


def _is_hidden(tag: _Tag) -> bool:
    return "hidden" in tag.attributes or bool(_HIDDEN.search(tag.attributes.get("style", "")))


def _is_quote(tag: _Tag) -> bool:
    """Mail programs also indent with a blockquote; that one has no line on its left."""
    return tag.name == "blockquote" and not _INDENTED.search(tag.attributes.get("style", ""))
