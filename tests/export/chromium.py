"""A headless Chromium for a test, driven over the pipe of its DevTools protocol."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time


def path():
    """Path of a Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


class Page:
    """A page of the browser."""

    def __init__(self, send, receive):
        self._send, self._receive, self._count, self._session = send, receive, 0, None
        self.addresses = []  # that the page asked for
        self.logged = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        """The result of a command."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        self._send({**message, "sessionId": self._session} if self._session else message)
        while True:
            answer = self._receive()
            if answer.get("method") == "Network.requestWillBeSent":
                self.addresses.append(answer["params"]["request"]["url"])
            if answer.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.logged.append(answer["params"])
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]

    def run(self, code):
        """The value of an expression."""
        found = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True, userGesture=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, code, seconds=30):
        """Wait until an expression is true; its value."""
        end = time.monotonic() + seconds
        while not (value := self.run(code)):
            assert time.monotonic() < end, f"waited too long for {code}: {self.run('document.body.innerText')}"
            time.sleep(0.05)
        return value

    def open(self, address):
        self.call("Page.navigate", url=address)
        self.wait("document.readyState == 'complete' && location.href != 'about:blank'")

    def look(self, width, height, scheme="light"):
        """Show the page in a width and a colour scheme."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def press(self, key, code=0, modifiers=0, text=""):
        """Press a key; `modifiers` 2 is Ctrl."""
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, modifiers=modifiers, **more
            )

    def picture(self, whole=False):
        """PNG, bytes."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"])


@contextlib.contextmanager
def browser(folder):
    """A `Page` of a Chromium with a profile of its own in a folder."""
    read_commands, write_commands = os.pipe()
    read_answers, write_answers = os.pipe()

    def give_pipes():
        os.dup2(read_commands, 100)
        os.dup2(write_answers, 101)
        os.dup2(100, 3)
        os.dup2(101, 4)

    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
    process = subprocess.Popen(
        [path(), *options, f"--user-data-dir={folder}"],
        preexec_fn=give_pipes,
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(read_commands)
    os.close(write_answers)
    rest = bytearray()

    def receive():
        while b"\0" not in rest:
            part = os.read(read_answers, 1 << 16)
            assert part, "the browser has ended"
            rest.extend(part)
        message, _, after = bytes(rest).partition(b"\0")
        rest[:] = after
        return json.loads(message)

    try:
        yield Page(lambda message: os.write(write_commands, json.dumps(message).encode() + b"\0"), receive)
    finally:
        process.kill()
        process.wait(20)
        os.close(write_commands)
        os.close(read_answers)
