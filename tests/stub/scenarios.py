"""Every scenario by name: what the server does with one request."""

from __future__ import annotations

from app.usage.tokens import Tokens
from tests.stub.shapes import OK, Fault, Manner, Shape

CACHED = Tokens(input=7, cache_read=400, cache_write=90, output=12)

SHAPES: dict[str, Shape] = {
    "ok": Shape(),
    "thinking": Shape(thinking="Let me see what is asked."),
    "cache": Shape(tokens=CACHED),
    "max_tokens": Shape(text=OK[:20], stop="length"),
    "refusal": Shape(text="", stop="refusal"),
    "context_full": Shape(text=OK[:20], stop="context"),
    "empty": Shape(text=""),
    "prose": Shape(text="Sure! All is well, nothing to report."),
    "fenced": Shape(text=f"Here it is:\n```json\n{OK}\n```\nAnything else?"),
    "no_usage": Shape(usage=False),
    "json_in_thinking": Shape(text="", thinking=OK),
    "stream_error": Shape(broken="api_error"),
    "stream_overloaded": Shape(broken="overloaded_error"),
    "stream_malformed": Shape(broken="malformed"),
    "loop": Shape(text="I am sorry. ", loop="text"),
    "loop_thinking": Shape(thinking="Let me see. ", loop="thinking"),
    "no_call": Shape(calls=0),
    "two_calls": Shape(calls=2),
    "silent_truncation": Shape(tokens=Tokens(input=2_050, output=12)),
}

FAULTS: dict[str, Fault] = {
    "400": Fault(400, "invalid_request_error", "messages: at least one is required"),
    "schema_refused": Fault(400, "invalid_request_error", "Schema is too complex for compilation."),
    "grammar_refused": Fault(400, "invalid_request_error", "The compiled grammar is too large"),
    "no_tools": Fault(400, "invalid_request_error", "tiny does not support tools"),
    "401": Fault(401, "authentication_error", "invalid api key"),
    "402": Fault(402, "billing_error", "no credit left"),
    "403": Fault(403, "permission_error", "not allowed"),
    "404": Fault(404, "not_found_error", "model not found"),
    "413": Fault(413, "request_too_large", "request exceeds the maximum size"),
    "429": Fault(429, "rate_limit_error", "slow down", {"retry-after": "2"}),
    "429-plain": Fault(429, "rate_limit_error", "slow down"),
    "429-hour": Fault(429, "rate_limit_error", "slow down", {"retry-after": "3600"}),
    "429-ms": Fault(429, "rate_limit_error", "slow down", {"retry-after-ms": "250"}),
    "no_credit": Fault(400, "invalid_request_error", "Your credit balance is too low to access the API"),
    "500": Fault(500, "api_error", "internal error"),
    "503": Fault(503, "server_error", "server busy, please try again"),
    "529": Fault(529, "overloaded_error", "overloaded"),
    "overflow": Fault(400, "exceed_context_size_error", "prompt is too long: it exceeds the context size"),
    "peg": Fault(
        500, "server_error", "The model produced output that does not match the expected peg-native format"
    ),
    "no_thinking": Fault(400, "invalid_request_error", '"tiny" does not support thinking'),
    "malformed": Fault(200, body=b'{"broken": '),
    "html": Fault(200, body=b"<html>welcome</html>", content_type="text/html"),
    "html-502": Fault(502, body=b"<html>bad gateway</html>", content_type="text/html"),
    "error_list": Fault(500, body=b'["no", "object"]'),
    "error_200": Fault(200, message="Unexpected endpoint or method"),
    "error_text": Fault(400, body=b"{\"error\": \"'response_format.type' must be 'json_schema' or 'text'\"}"),
    "no_object": Fault(200, body=b"[1, 2]"),
    "no_content": Fault(200, body=b'{"type": "message", "choices": null, "message": null, "done": true}'),
    "no_choices": Fault(200, body=b'{"choices": [], "content": null}'),
    "gzip": Fault(200, headers={"content-encoding": "gzip"}, body=b"\x1f\x8b\x08\x00"),
    "huge": Fault(200, headers={"content-length": str(300 * 1024 * 1024)}, body=b"{"),
    "redirect": Fault(307, headers={"location": "http://127.0.0.2:9/elsewhere"}, body=b""),
}

MANNERS: dict[str, Manner] = {
    "cut": "cut",
    "stream_end": "end",
    "drop": "drop",
    "drip": "drip",
    "flood": "flood",
    "unstreamed": "unstreamed",
}
"""A good answer, badly sent: cut off, ended too early, closed before a byte, in spaces without end, slow or
fast, or whole although a stream was asked for."""

NAMES = [*SHAPES, *FAULTS, *MANNERS]
