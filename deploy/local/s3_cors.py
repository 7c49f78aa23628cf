"""Cross-origin requests: what a bucket's own rules let the pages of other origins do.

Source: Amazon S3 user guide, "Using cross-origin resource sharing (CORS)". No rule, no header: a
browser then keeps the answer from the page, as it would on AWS.
"""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from werkzeug.wrappers import Request, Response

from deploy.local.disk import Disk
from deploy.local.s3_call import empty_response
from deploy.local.s3_errors import S3Error
from deploy.local.s3_objects import config
from deploy.local.s3_xml import malformed, parse, text, texts

METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
MAX_RULES = 100
VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"


@dataclass(frozen=True)
class Rule:
    """One rule; its lists are as the bucket's owner wrote them."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    max_age: str

    def origin(self, origin: str) -> str | None:
        """Return what of this rule covers an origin: "*", the origin itself, or None."""
        fits = [pattern for pattern in self.origins if _fits(pattern, origin)]
        return None if not fits else "*" if "*" in fits else origin

    def allows(self, origin: str, method: str, headers: list[str]) -> bool:
        """Whether a page of an origin may send a method with these headers."""
        return (
            self.origin(origin) is not None
            and method in self.methods
            and all(any(_fits(p.lower(), name) for p in self.headers) for name in headers)
        )


def check_rules(document: bytes) -> list[Rule]:
    """Read the rules of a CORS configuration. Raises S3Error MalformedXML or InvalidRequest."""
    rules = [_rule(node) for node in parse(document, root="CORSConfiguration")]
    if not 1 <= len(rules) <= MAX_RULES:
        raise malformed(f"there must be from 1 to {MAX_RULES} rules")
    for rule in rules:
        _check_rule(rule)
    return rules


def preflight(disk: Disk, request: Request, bucket: str) -> Response:
    """Answer OPTIONS. Raises S3Error BadRequest or AccessForbidden."""
    origin = request.headers.get("Origin", "")
    method = request.headers.get("Access-Control-Request-Method", "")
    if not origin or not method:
        raise S3Error(
            "BadRequest",
            "Insufficient information. Origin and Access-Control-Request-Method headers needed.",
        )
    asked = _names(request.headers.get("Access-Control-Request-Headers", ""))
    rule = _find(disk, bucket, origin, method, asked)
    if rule is None:
        raise S3Error("AccessForbidden", "CORSResponse: This CORS request is not allowed.")
    response = empty_response()
    _allow(response, rule, origin)
    if asked:
        response.headers["Access-Control-Allow-Headers"] = ", ".join(asked)
    if rule.max_age:
        response.headers["Access-Control-Max-Age"] = rule.max_age
    return response


def decorate(disk: Disk, request: Request, response: Response, bucket: str) -> None:
    """Let the page that sent this request read its answer, if the bucket's rules say so."""
    origin = request.headers.get("Origin", "")
    if not origin or request.method == "OPTIONS":
        return
    rule = _find(disk, bucket, origin, request.method, [])
    if rule is not None:
        _allow(response, rule, origin)


def _rule(node: Element) -> Rule:
    return Rule(
        origins=texts(node, "AllowedOrigin"),
        methods=texts(node, "AllowedMethod"),
        headers=texts(node, "AllowedHeader"),
        exposed=texts(node, "ExposeHeader"),
        max_age=text(node, "MaxAgeSeconds"),
    )


def _check_rule(rule: Rule) -> None:
    if not rule.origins or not rule.methods:
        raise malformed("a CORSRule needs an AllowedOrigin and an AllowedMethod")
    for method in rule.methods:
        if method not in METHODS:
            raise S3Error(
                "InvalidRequest",
                f"Found unsupported HTTP method in CORS config. Unsupported method is {method}",
            )
    for pattern in (*rule.origins, *rule.headers):
        if pattern.count("*") > 1:
            raise S3Error("InvalidRequest", f'"{pattern}" can not have more than one wildcard.')


def _find(disk: Disk, bucket: str, origin: str, method: str, headers: list[str]) -> Rule | None:
    document = config(disk, bucket, "cors")
    rules = check_rules(document) if document else []
    return next((rule for rule in rules if rule.allows(origin, method, headers)), None)


def _allow(response: Response, rule: Rule, origin: str) -> None:
    allowed = rule.origin(origin) or ""
    response.headers["Access-Control-Allow-Origin"] = allowed
    response.headers["Access-Control-Allow-Methods"] = ", ".join(rule.methods)
    if allowed != "*":
        response.headers["Access-Control-Allow-Credentials"] = "true"
    if rule.exposed:
        response.headers["Access-Control-Expose-Headers"] = ", ".join(rule.exposed)
    response.headers["Vary"] = VARY


def _names(header: str) -> list[str]:
    return [name.strip().lower() for name in header.split(",") if name.strip()]


def _fits(pattern: str, value: str) -> bool:
    head, star, tail = pattern.partition("*")
    if not star:
        return pattern == value
    return len(value) >= len(head + tail) and value.startswith(head) and value.endswith(tail)
