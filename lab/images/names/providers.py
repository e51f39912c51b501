"""What services that keep records for others answer: acme-dns and deSEC's API (port 80), and Cloudflare's API (port 443)."""

import json
import os
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

ZONE = os.environ["ZONE"]
TOKEN = os.environ.get("TOKEN", "")
# The state that a test wants them in: `limited` answers every request with 429.
STATE = "/run/providers"
TLS = "/run/tls.pem"
records = {}


def update(*lines):
    text = "\n".join(["server 127.0.0.1", f"zone {ZONE}.", *lines, "send", ""])
    subprocess.run(["nsupdate", "-k", "/run/named/session.key"], input=text.encode(), check=True)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *words):
        print(format % words, flush=True)

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def state(self):
        try:
            return open(STATE).read().strip()
        except FileNotFoundError:
            return ""


class AcmeDns(Handler):
    """Keeps the two newest values of a name, as acme-dns does, and clears none."""

    kept = []
    desec = {}

    def do_GET(self):
        self.do_desec()

    def do_PUT(self):
        self.do_desec()

    def do_desec(self):
        """A domain, and the values of TXT by the part of the name before it."""
        asked = self.body()
        if self.headers.get("Authorization") != f"Token {TOKEN}":
            return self.answer(401, {"detail": "Invalid token."})
        path = urlsplit(self.path).path.removeprefix("/api/v1/domains/")
        if path == "":
            return self.answer(200, [{"name": ZONE, "minimum_ttl": 60}])
        if self.command == "GET":
            values = self.desec.get(path.split("/")[2])
            return self.answer(200, {"records": values}) if values else self.answer(404, {"detail": "Not found."})
        for each in asked:
            self.desec[each["subname"]] = each["records"]
            name = f"{each['subname']}.{ZONE}."
            update(f"update delete {name} TXT", *(f"update add {name} 1 TXT {value}" for value in each["records"]))
        self.answer(200, asked)

    def do_POST(self):
        asked = self.body()
        if self.headers.get("X-Api-User") != "user" or self.headers.get("X-Api-Key") != TOKEN:
            return self.answer(401, {"error": "forbidden"})
        AcmeDns.kept = [*AcmeDns.kept[-1:], asked["txt"]]
        name = f"{asked['subdomain']}.{ZONE}."
        update(f"update delete {name} TXT", *(f'update add {name} 1 TXT "{each}"' for each in AcmeDns.kept))
        self.answer(200, {"txt": asked["txt"]})


class Cloudflare(Handler):
    def fail(self, status, code, message):
        self.answer(status, {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None})

    def good(self, result):
        info = {"page": 1, "per_page": 20, "total_pages": 1, "count": len(result), "total_count": len(result)} if isinstance(result, list) else None
        self.answer(200, {"success": True, "errors": [], "messages": [], "result": result, **({"result_info": info} if info else {})})

    def handle_request(self):
        asked = self.body()
        if self.state() == "limited":
            return self.fail(429, 971, "Please wait and consider throttling your request speed")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.fail(403, 9109, "Invalid access token")
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        path = url.path.removeprefix("/client/v4")
        if path == "/zones":
            return self.good([{"id": "1" * 32, "name": ZONE}] if query.get("name", ZONE) == ZONE else [])
        if not path.startswith(f"/zones/{'1' * 32}/dns_records"):
            return self.fail(404, 7003, "Could not route")
        identity = path.rpartition("/")[2]
        if self.command == "POST":
            identity = f"{len(records) + 1:032x}"
            records[identity] = asked
            time.sleep(float(os.environ.get("DELAY", "0")))
            update(f'update add {asked["name"]}. 1 TXT "{asked["content"].strip(chr(34))}"')
            return self.good({"id": identity, **asked})
        if self.command == "DELETE":
            gone = records.pop(identity)
            update(f'update delete {gone["name"]}. TXT "{gone["content"].strip(chr(34))}"')
            return self.good({"id": identity})
        wanted = {name: query[name] for name in ("type", "name") if name in query}
        return self.good([
            {"id": key, **record} for key, record in records.items()
            if all(record.get(name) == value for name, value in wanted.items())
        ])

    do_GET = do_POST = do_DELETE = handle_request


def secure():
    while not os.path.exists(TLS):
        time.sleep(0.2)
    server = ThreadingHTTPServer(("", 443), Cloudflare)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


threading.Thread(target=secure, daemon=True).start()
ThreadingHTTPServer(("", 80), AcmeDns).serve_forever()
