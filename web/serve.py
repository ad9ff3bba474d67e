"""Serve the page on this machine alone, with the headers that its threads need.

The headers are those of ``site/_headers``. Without cross-origin isolation a browser
gives WebAssembly one thread.
"""

import argparse
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SITE = Path(__file__).parent / "site"


def read_headers(path):
    """Read the indented lines ``Name: value`` of a ``_headers`` file as pairs."""
    lines = Path(path).read_text().splitlines()
    return [tuple(line.strip().split(": ", 1)) for line in lines if line[:1] == " "]


class Handler(SimpleHTTPRequestHandler):
    """Files with the headers of the site, checked anew each time they are used."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".tflite": "application/octet-stream",
        ".wasm": "application/wasm",
        ".webmanifest": "application/manifest+json",
    }

    def end_headers(self):  # noqa: D102
        for name, value in read_headers(Path(self.directory) / "_headers"):
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_):  # noqa: D102
        pass


def make_server(port, site=SITE):
    """Open a server of `site` on 127.0.0.1; port 0 takes a free one."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, directory=site))


def main():
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Serve the page on this machine.")
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    port = parser.parse_args().port
    if not (SITE / "vendor" / "version.js").is_file():
        print("error: the page lacks its parts; run `make web`", file=sys.stderr)
        return 2
    try:
        server = make_server(port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        print(f"error: cannot use port {port}: {reason}; try --port", file=sys.stderr)
        return 2
    with server:
        print(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
