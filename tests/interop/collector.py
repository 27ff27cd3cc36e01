#!/usr/bin/env python3
"""A collector of OpenTelemetry that takes nothing which is not exactly OTLP/HTTP in JSON, by OpenTelemetry's own definitions.

Prints its URL, then a line of JSON for each batch: {"resource": {...}, "spans": [...]}, or {"wrong": "why"} for one that it refused.
"""

import base64
import copy
import http.server
import json
import re

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

DIGITS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}


def spans_of(export):
    return [
        span
        for resource in export["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def read(body):
    """The export as it was sent, once it is the same as what OpenTelemetry's own reader and writer make of it."""
    sent = json.loads(body)
    # OTLP writes identities in hexadecimal, where protobuf's JSON has base64 for bytes.
    plain = copy.deepcopy(sent)
    for span in spans_of(plain):
        for key, digits in DIGITS.items():
            if key not in span and key == "parentSpanId":
                continue
            if not re.fullmatch(f"[0-9a-f]{{{digits}}}", span[key]) or int(span[key], 16) == 0:
                raise ValueError(f"{key} is {span[key]!r}")
            span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    message = json_format.ParseDict(plain, trace_service_pb2.ExportTraceServiceRequest())
    back = json_format.MessageToDict(message, use_integers_for_enums=True)
    if back != plain:
        raise ValueError(f"it is written otherwise: {json.dumps(plain)}, not {json.dumps(back)}")
    for span in spans_of(sent):
        if not 0 < int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]):
            raise ValueError(f"it ends before it begins: {json.dumps(span)}")
    return sent


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            if self.path != "/v1/traces" or self.headers["Content-Type"] != "application/json":
                raise ValueError(f"{self.path} with {self.headers['Content-Type']}")
            export = read(body)
            status, told = 200, {
                "resource": export["resourceSpans"][0]["resource"],
                "spans": spans_of(export),
            }
        except (ValueError, KeyError, TypeError, json_format.ParseError) as error:
            status, told = 400, {"wrong": f"{type(error).__name__}: {error}"}
        print(json.dumps(told), flush=True)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
