"""XML in and out: small documents read into elements, small documents written from dicts."""

from collections.abc import Iterable, Mapping
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from deploy.local.s3_errors import S3Error

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

Fields = Iterable[tuple[str, object]]


def parse(body: bytes, *, root: str) -> ElementTree.Element:
    """Read a request's document whose root must be `root`; namespaces are dropped.

    Raises S3Error MalformedXML.
    """
    try:
        # expat 2.4.1 and later bound the expansion of entities by themselves.
        element = ElementTree.fromstring(body)  # noqa: S314
    except ElementTree.ParseError as error:
        raise malformed(f"it cannot be read ({error})") from error
    for node in element.iter():
        node.tag = node.tag.rpartition("}")[2]
    if element.tag != root:
        raise malformed(f"its root is <{element.tag}>, not <{root}>")
    return element


def malformed(reason: str) -> S3Error:
    """Return the refusal of a document, with what is wrong in it."""
    return S3Error(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published "
        f"schema: {reason}.",
    )


def text(element: ElementTree.Element, path: str, default: str = "") -> str:
    """Return the text at a path below an element, or the default."""
    return (element.findtext(path) or default).strip()


def texts(element: ElementTree.Element, path: str) -> tuple[str, ...]:
    """Return the texts of all elements at a path."""
    return tuple((found.text or "").strip() for found in element.findall(path))


def integer(element: ElementTree.Element, path: str) -> int:
    """Return the whole number at a path. Raises S3Error MalformedXML."""
    value = text(element, path)
    if not value.isascii() or not value.isdigit():
        raise malformed(f"<{path}> must be a whole number")
    return int(value)


def document(root: str, fields: Fields) -> bytes:
    """Write a document of (name, value) pairs, in order.

    A value that is a mapping or a list of pairs nests; None is left out.
    """
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f'{head}<{root} xmlns="{NAMESPACE}">{_inner(fields)}</{root}>'.encode()


def _inner(fields: Fields) -> str:
    return "".join(_element(name, value) for name, value in fields if value is not None)


def _element(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        return f"<{name}>{_inner(value.items())}</{name}>"
    if isinstance(value, list):
        return f"<{name}>{_inner(value)}</{name}>"
    if isinstance(value, bool):
        return f"<{name}>{str(value).lower()}</{name}>"
    return f"<{name}>{escape(str(value))}</{name}>"
