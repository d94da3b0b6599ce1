"""One origin of the fake hub: a threaded HTTP/1.1 server with keep-alive that can misbehave as a Fault says."""

import dataclasses
import gzip
import http
import json
import os
import socket
import socketserver
import struct
import threading
import time
import urllib.parse

from hub_data import Blob

LINE_LIMIT = 65536
PIECE = 1 << 18


class Hangup(Exception):
    """The connection is over."""


@dataclasses.dataclass
class Request:
    """What came in, as the log keeps it; `status` and `sent` (bytes of body) are filled in as the answer goes out."""

    origin: str
    method: str
    target: str
    headers: dict  # names in lower case
    status: int | None = None
    sent: int = 0
    fault: object = None
    at: float = dataclasses.field(default_factory=time.monotonic)

    def __post_init__(self):
        path, _, query = self.target.partition("?")
        self.raw_path = path
        self.path = urllib.parse.unquote(path)
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))

    @property
    def token(self):
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


@dataclasses.dataclass
class Answer:
    """A status with headers and a body: bytes, a Blob (with the part of it that is sent), or a generator."""

    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    body: object = b""
    start: int = 0
    stop: int | None = None

    def length(self):
        if isinstance(self.body, Blob):
            return (self.body.size if self.stop is None else self.stop) - self.start
        return len(self.body) if isinstance(self.body, bytes) else None


def json_answer(data, **headers):
    return Answer(200, {"Content-Type": "application/json; charset=utf-8"} | headers, json.dumps(data).encode())


def error_answer(status, message, code=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers |= {"X-Error-Message": message, "Content-Type": "application/json; charset=utf-8"}
    if code:
        headers["X-Error-Code"] = code
    return Answer(status, headers, json.dumps({"error": message}).encode())


def blob_answer(request, blob, etag, headers):
    """200, 206 or 416 for a content and the request's Range."""
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{etag}"', "Content-Type": "application/octet-stream"} | headers
    asked = request.headers.get("range", "")
    if not asked.startswith("bytes=") or request.headers.get("if-range", etag).strip('"') != etag:
        return Answer(200, headers, blob)
    first, _, last = asked.removeprefix("bytes=").partition("-")
    if not first:
        start, stop = max(0, blob.size - int(last)), blob.size
    else:
        start, stop = int(first), min(int(last) + 1, blob.size) if last else blob.size
    if start >= stop:
        return Answer(416, {"Content-Range": f"bytes */{blob.size}"})
    return Answer(206, headers | {"Content-Range": f"bytes {start}-{stop - 1}/{blob.size}"}, blob, start, stop)


class Connection(socketserver.StreamRequestHandler):
    """Requests of one client, one after the other."""

    rbufsize = 65536
    disable_nagle_algorithm = True

    def handle(self):
        self.server.connections.add(self.connection)
        try:
            while request := self.read_request():
                self.server.hub.log.append(request)
                self.answer(request)
        except (Hangup, OSError, ValueError):
            pass
        finally:
            self.server.connections.discard(self.connection)

    def read_request(self):
        words = self.rfile.readline(LINE_LIMIT).decode("latin-1").split()
        if len(words) != 3:
            return None
        headers = {}
        while line := self.rfile.readline(LINE_LIMIT).decode("latin-1").rstrip("\r\n"):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        self.rfile.read(int(headers.get("content-length", 0)))
        return Request(self.server.name, words[0], words[1], headers)

    def answer(self, request):
        hub = self.server.hub
        fault = request.fault = hub.fault_for(request)
        if fault is None:
            return self.send(request, self.server.route(request), None)
        if fault.before:
            fault.before(hub, request)
        hub.closing.wait(fault.delay)
        if fault.silent:
            hub.closing.wait()
            raise Hangup
        if fault.reset and fault.cut is None:
            self.reset()
        if fault.ignore_range:
            request.headers.pop("range", None)
        self.send(request, self.faulty(request, fault), fault)

    def faulty(self, request, fault):
        if fault.redirect is not None:
            target = request.target if fault.redirect == "@self" else fault.redirect
            answer = Answer(fault.status or 302, {"Location": target})
        elif fault.status is not None or fault.body is not None:
            body = fault.body() if callable(fault.body) else fault.body or b""
            answer = Answer(fault.status or 200, {"Content-Type": "application/json"}, body)
        else:
            answer = self.server.route(request)
        if fault.edit:
            answer.body = json.dumps(fault.edit(json.loads(answer.body))).encode()
        if fault.gzip:
            data = answer.body.bytes(answer.start, answer.stop) if isinstance(answer.body, Blob) else answer.body
            answer.body, answer.start, answer.stop = gzip.compress(data), 0, None
            answer.headers["Content-Encoding"] = "gzip"
        answer.headers |= fault.headers
        answer.status = fault.claim or answer.status
        return answer

    def send(self, request, answer, fault):
        request.status = answer.status
        length = answer.length()
        chunked = length is None
        framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(length)}
        headers = {"Date": "Fri, 02 Jan 2026 03:04:05 GMT", "X-Request-Id": "Root=1-fake"} | framing | answer.headers
        lines = [f"HTTP/1.1 {answer.status} {phrase(answer.status)}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
        head = "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n"
        if request.method == "HEAD":
            self.connection.sendall(head)
        elif fault and (fault.cut, fault.flip, fault.stall, fault.rate) != (None,) * 4:
            self.connection.sendall(head)
            self.send_badly(request, answer, fault)
        elif isinstance(answer.body, bytes):
            self.connection.sendall(head + answer.body)
            request.sent = len(answer.body)
        else:
            self.connection.sendall(head)
            self.send_chunks(request, answer.body) if chunked else self.send_blob(request, answer)
        if request.headers.get("connection", "").lower() == "close" or (fault and "Content-Length" in fault.headers):
            raise Hangup

    def send_blob(self, request, answer):
        """The fast way: the kernel copies a file, or one large write."""
        start, stop = answer.start, answer.start + answer.length()
        if isinstance(answer.body.source, bytes):
            with memoryview(answer.body.source) as view:
                self.connection.sendall(view[start:stop])
            request.sent = stop - start
            return
        with open(answer.body.source, "rb") as file:
            while start < stop:
                count = os.sendfile(self.connection.fileno(), file.fileno(), start, min(stop - start, 1 << 24))
                if count == 0:
                    raise Hangup
                start += count
                request.sent += count

    def send_chunks(self, request, pieces):
        for piece in pieces:
            self.connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            request.sent += len(piece)
            if self.server.hub.closing.is_set():
                raise Hangup
        self.connection.sendall(b"0\r\n\r\n")

    def send_badly(self, request, answer, fault):
        for piece in pieces_of(answer, fault):
            if fault.stall and request.sent == fault.stall[0]:
                self.server.hub.closing.wait(fault.stall[1])
            if fault.cut is not None:
                piece = piece[: fault.cut - request.sent]
            self.connection.sendall(piece)
            request.sent += len(piece)
            if fault.rate:
                self.server.hub.closing.wait(len(piece) / fault.rate)
            if request.sent == fault.cut or self.server.hub.closing.is_set():
                self.reset() if fault.reset else self.hang_up()

    def hang_up(self):
        raise Hangup

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        raise Hangup


def phrase(status):
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def pieces_of(answer, fault):
    """The body in pieces that end where the fault wants to stop, with its byte flipped."""
    length = answer.length()
    ends = {stop for stop in (fault.cut, fault.stall and fault.stall[0]) if stop is not None and stop < length}
    step = max(1, min(PIECE, int(fault.rate / 20))) if fault.rate else PIECE
    at = 0
    if 0 in ends:
        yield b""
    for end in sorted(ends | {length}):
        while at < end:
            start, at = at, min(end, at + step)
            first = answer.start + start
            piece = answer.body.bytes(first, answer.start + at) if isinstance(answer.body, Blob) else answer.body[start:at]
            if fault.flip is not None and 0 <= fault.flip - first < len(piece):
                piece = bytearray(piece)
                piece[fault.flip - first] ^= 1
            yield bytes(piece)


class Origin(socketserver.ThreadingTCPServer):
    """A listening port on 127.0.0.1 whose requests go to `route`."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, name, hub, route, port=0):
        self.name, self.hub, self.route = name, hub, route
        self.connections = set()
        super().__init__(("127.0.0.1", port), Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def stop(self):
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
