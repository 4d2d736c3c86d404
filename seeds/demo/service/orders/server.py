"""Puts a router on a socket."""

import logging
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from orders.messages import Request, Response
from orders.router import Router

MAX_BODY = 64 * 1024


def serve(app: Router, host: str, port: int) -> None:
    """Answers requests until it is interrupted."""
    with ThreadingHTTPServer((host, port), handler_for(app)) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            logging.info("stopped")


def handler_for(app: Router) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "0")
            if not length.isdigit() or int(length) > MAX_BODY:
                self._send(Response(413, {"error": f"the body may have {MAX_BODY} bytes"}))
                return
            self._answer(self.rfile.read(int(length)))

        def _answer(self, body: bytes) -> None:
            path = self.path.partition("?")[0]
            try:
                self._send(app.dispatch(Request(self.command, path, body)))
            except Exception:
                logging.exception("%s %s failed", self.command, path)
                self._send(Response(500, {"error": "internal error"}))

        def _send(self, response: Response) -> None:
            content = response.encode()
            self.send_response(response.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
