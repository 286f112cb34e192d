"""XML from outside: streamed, nothing in it expanded or fetched, and no deeper or longer than a table of rows can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Any
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import create_parser

from cares.reading import FileProblem

_CHUNK = 1 << 16
_DEEPEST = 50
_LONGEST_NAME = 200
# A tag, a comment or an instruction is read as a whole.
_LONGEST_MARK_UP = 1 << 20


class Listener(ContentHandler):
    """Hears of each element in turn; `path` leads from the outermost element to the one that is open.

    `place` is the same path in words, from below the outermost element, like CHILD/EPISODE.
    """

    def __init__(self) -> None:
        super().__init__()
        self.path: list[str] = []
        self._places: list[str] = []
        self.has_heard = False

    @property
    def line(self) -> int:
        """The line on which what is heard begins."""
        return int(self._locator.getLineNumber() or 1)  # type: ignore[attr-defined]

    @property
    def place(self) -> str:
        """Where what is heard stands."""
        return self._places[-1]

    def startElement(self, name: str, attrs: Any) -> None:
        self.has_heard = True
        own = name.rpartition(":")[2]
        around = self._places[-1] if self._places else ""
        self._places.append(f"{around}/{own}" if around else own if self.path else "")
        self.path.append(own)
        if len(self.path) > _DEEPEST:
            raise FileProblem(f"line {self.line}: its elements stand more than {_DEEPEST} deep in each other; send a plain file")
        if len(name) > _LONGEST_NAME:
            raise FileProblem(f"line {self.line}: an element's name is longer than {_LONGEST_NAME} characters; send a plain file")
        self.begins(attrs)

    def endElement(self, name: str) -> None:
        self.has_heard = True
        self.ends()
        self.path.pop()
        self._places.pop()

    def characters(self, content: str) -> None:
        self.has_heard = True
        self.says(content)

    def begins(self, attributes: Any) -> None:
        """An element begins, which is the last of `path`."""

    def says(self, text: str) -> None:
        """A piece of the text in the element that is open."""

    def ends(self) -> None:
        """The element that is the last of `path` ends."""


def chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """A stream in pieces of a size that can be heard of before the next is read."""
    return iter(lambda: stream.read(_CHUNK), b"")


def tell(listener: Listener, content: Iterable[bytes]) -> Iterator[None]:
    """Tell a listener what an XML file holds, pausing after each piece of it.

    Raises FileProblem where it is not well formed, or declares a document type or entities.
    """
    parser = create_parser(forbid_dtd=True)
    parser.setContentHandler(listener)
    listener.setDocumentLocator(parser)
    unheard = 0
    try:
        for chunk in content:
            parser.feed(chunk)
            unheard = 0 if listener.has_heard else unheard + len(chunk)
            listener.has_heard = False
            if unheard > _LONGEST_MARK_UP:
                raise FileProblem(f"line {listener.line}: a tag or comment does not end; send a plain file")
            yield
        parser.close()
        yield
    except DefusedXmlException:
        raise FileProblem(
            f"line {listener.line}: declares a document type or entities, which are not read; send the file without <!DOCTYPE"
        ) from None
    except SAXParseException as error:
        # The parser's own words, which quote nothing.
        raise FileProblem(
            f"line {error.getLineNumber()}: is not well-formed XML ({error.getMessage()}); export it again"
        ) from None
    except (SAXException, ValueError, LookupError):
        raise FileProblem("line 1: is XML in an encoding that is not known; save it as UTF-8") from None


def tell_all(listener: Listener, content: Iterable[bytes]) -> None:
    """The same without a pause."""
    for _ in tell(listener, content):
        pass
