"""Drives a headless Chromium over the DevTools protocol."""

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


class Page:
    """One tab of a browser of its own; ``with`` ends it."""

    def __init__(self, profile: Path) -> None:
        assert BROWSER is not None
        self._process = subprocess.Popen(
            [
                BROWSER,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--remote-debugging-port=0",
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        self._number = 0
        self.complaints: list[str] = []

    def __enter__(self) -> "Page":
        import websocket

        try:
            assert self._process.stderr is not None
            for line in self._process.stderr:
                if "DevTools listening on" in line:
                    port = line.rsplit(":", 1)[1].split("/")[0]
                    break
            with urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
                tab = next(one for one in json.load(answer) if one["type"] == "page")
            self._socket = websocket.create_connection(
                tab["webSocketDebuggerUrl"], timeout=30, suppress_origin=True
            )
        except BaseException:
            self._process.kill()
            raise
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(timeout=20)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol; what the page complains of meanwhile is noted.

        Raises:
            ConnectionError: if the browser could not do it, as while another page comes.
        """
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(str(message["params"]["exceptionDetails"]))
            if message.get("method") == "Log.entryAdded":
                entry = message["params"]["entry"]
                if entry["level"] == "error":
                    self.complaints.append(entry["text"])
            if message.get("id") == self._number:
                if "error" in message:
                    raise ConnectionError(message["error"]["message"])
                return dict(message["result"])

    def open(self, address: str) -> None:
        """Go to a page, and wait until it says that it is ready."""
        self.call("Page.navigate", url=address)
        self.wait("document.body?.dataset.ready === 'yes'")

    def tell(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, expression: str, *, seconds: float = 20) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self._is(expression):
            assert time.monotonic() < end, f"{expression} never came true"
            time.sleep(0.03)

    def _is(self, expression: str) -> bool:
        try:
            return bool(self.tell(expression))
        except ConnectionError:  # the page is on its way
            return False

    def reload(self) -> None:
        """Load the page anew, and wait until it is ready."""
        self.tell("document.body.dataset.ready = 'left'")
        self.call("Page.reload")
        self.wait("document.body?.dataset.ready === 'yes'")

    def press(self, key: str) -> None:
        """A key down and up, as a person's."""
        named = {"ArrowRight": 39, "ArrowLeft": 37}
        code = named.get(key, ord(key.upper()[0]))
        typed = {} if key in named else {"text": key}
        for kind in ("keyDown", "keyUp"):
            extra = typed if kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **extra
            )

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """The left button down, a straight way in four steps, and up."""
        steps = [
            (start[0] + (end[0] - start[0]) * i / 4, start[1] + (end[1] - start[1]) * i / 4)
            for i in range(5)
        ]
        for number, (x, y) in enumerate([*steps, steps[-1]]):
            kind = ("mousePressed", *["mouseMoved"] * 4, "mouseReleased")[number]
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the size of the window and the colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> None:
        """Save what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
