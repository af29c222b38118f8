"""The server of the review page, for one person at one machine.

Whoever may talk to it holds the token of its address; that address is printed in the terminal and
changes with every start. Against pages of other sites: the ``Host`` must be an address or a name
that was asked for (a name that someone rebinds to this machine is neither), the ``Origin`` of a
change must be this page's, and a change carries the token in a header that other sites cannot set.
Images are named by keys of the sitting, never by paths.
"""

import ipaddress
import json
import re
import secrets
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qs, urlsplit

from anogen.data.images import MAX_PIXELS
from anogen.errors import InputError
from anogen.study.review.session import Sitting

PAGE = Path(__file__).parent / "page"
HEADER = "X-Anogen-Token"
HTTP_PORT = 80

_PICTURE = re.compile(r"/pictures/([0-9a-f]{16})/(generated|normal|mask)")
_CHANGE = re.compile(r"/(words|masks)/([0-9a-f]{16})")
_POLICY = (
    "default-src 'none'; img-src blob: data:; connect-src 'self'; style-src 'unsafe-inline'; "
    "script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _Refused(Exception):
    """A request that gets no answer but a status and a sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class ReviewServer(ThreadingHTTPServer):
    """Serves one sitting on ``host:port``; port 0 takes a free one.

    Raises:
        InputError: if the address cannot be listened on.
    """

    daemon_threads = True

    def __init__(self, sitting: Sitting, *, title: str, host: str, port: int) -> None:
        self.sitting = sitting
        self.title = title
        self.host = host
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"{host}:{port}: cannot be listened on ({reason}); give another --port or --host."
            ) from error

    @property
    def url(self) -> str:
        """The page's address, with the token that opens it."""
        shown = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host
        return f"http://{shown}:{self.server_port}/?token={self.token}"

    def admits(self, host: str) -> bool:
        """Whether a ``Host`` header is an IP address, localhost, or the name that was asked for."""
        name, _, port = host.lower().rpartition(":")
        if not port.isdigit():  # browsers leave out the usual port
            name, port = host.lower(), str(HTTP_PORT)
        if port != str(self.server_port):
            return False
        if name in ("localhost", self.host.lower()):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    timeout = 60
    server_version = "anogen"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is the user's, and addresses hold the token."""

    def _answer(self, work: Any) -> None:
        try:
            if not self.server.admits(self.headers.get("Host", "")):
                raise _Refused(HTTPStatus.FORBIDDEN, "Not the name of this server.")
            work()
        except _Refused as refused:
            self._send(str(refused).encode(), "text/plain; charset=utf-8", refused.status)
        except InputError as error:
            self._send(
                str(error).encode(), "text/plain; charset=utf-8", HTTPStatus.UNPROCESSABLE_ENTITY
            )
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True

    @cached_property
    def _sitting(self) -> Sitting:
        return self.server.sitting

    def _get(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/":
            given = parse_qs(address.query).get("token", [""])[0]
            self._demand(given, "Open the address that 'anogen review' printed, with its token.")
            self._send_page()
            return
        self._demand(self.headers.get(HEADER, ""), "The token is missing or old.")
        if address.path == "/bank":
            self._send_json({"images": self._sitting.images()})
            return
        found = _PICTURE.fullmatch(address.path)
        if found is None or found[1] not in self._sitting:
            raise _Refused(HTTPStatus.NOT_FOUND, "There is nothing of that name.")
        if found[2] == "mask":
            self._send(self._sitting.mask(found[1]), "application/octet-stream")
        else:
            picture = getattr(self._sitting, found[2])(found[1])
            self._send(picture, "image/png")

    def _post(self) -> None:
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{self.headers['Host']}":
            raise _Refused(HTTPStatus.FORBIDDEN, "Changes come from the review page only.")
        self._demand(self.headers.get(HEADER, ""), "The token is missing or old.")
        body = self._body()
        path = urlsplit(self.path).path
        if path == "/undo":
            key = self._sitting.undo()
            self._send_json({"image": None if key is None else self._sitting.image(key)})
            return
        found = _CHANGE.fullmatch(path)
        if found is None or found[2] not in self._sitting:
            raise _Refused(HTTPStatus.NOT_FOUND, "There is nothing of that name.")
        if found[1] == "masks":
            self._sitting.correct(found[2], body)
        elif body == b"accepted":
            self._sitting.decide(found[2], "accepted")
        elif body == b"rejected":
            self._sitting.decide(found[2], "rejected")
        else:
            raise _Refused(HTTPStatus.BAD_REQUEST, "A word is accepted or rejected.")
        self._send_json({"image": self._sitting.image(found[2])})

    def _demand(self, token: str, sentence: str) -> None:
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN, sentence)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "The length is missing.")
        if int(length) > MAX_PIXELS:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Larger than any mask.")
        return self.rfile.read(int(length))

    def _send_page(self) -> None:
        nonce = secrets.token_urlsafe(16)
        page = Template((PAGE / "page.html").read_text(encoding="utf-8")).substitute(
            style=(PAGE / "style.css").read_text(encoding="utf-8"),
            script=(PAGE / "script.js").read_text(encoding="utf-8"),
            nonce=nonce,
            # Inside a script of a kind that is not run; '<' cannot end it.
            start=json.dumps({"token": self.server.token, "title": self.server.title}).replace(
                "<", "\\u003c"
            ),
        )
        self._send(page.encode(), "text/html; charset=utf-8", policy=_POLICY.format(nonce=nonce))

    def _send_json(self, value: dict[str, Any]) -> None:
        self._send(json.dumps(value).encode(), "application/json")

    def _send(
        self,
        content: bytes,
        kind: str,
        status: HTTPStatus = HTTPStatus.OK,
        *,
        policy: str = "default-src 'none'",
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        self.wfile.write(content)
