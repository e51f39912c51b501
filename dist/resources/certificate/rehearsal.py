"""Rehearses an order by DNS: certbot sets its record, the domain's name servers are asked for it, and certbot removes it again.

Authorities count failed orders, and only use shows what a credential may do. So certbot is first sent to a stand-in on
loopback. That speaks enough ACME to have a record set, and then refuses.

    rehearsal.py DOMAIN FOLDER -- certbot certonly ...

FOLDER/wait gets the seconds that certbot is to wait for the record from now on, and FOLDER/seen how long it took. A hook that
fails says so in FOLDER/hook. The last line of output says what went wrong, as `rehearsal: WHAT DETAILS`.
"""

import base64
import hashlib
import json
import os
import re
import secrets
import socket
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Seconds until a record counts as missing. If a CNAME is in the way of a plugin that does not follow it, waiting longer is of no use.
PROPAGATION = 120
PROPAGATION_CNAME = 20
# certbot's wait: longer than it took now, because it may take longer another time. If no name server can be asked, it is a guess.
WAIT_LEAST = 10
WAIT_FACTOR = 3
WAIT_BLIND = 60

PREFIX = "_acme-challenge."

CNAME, SOA, TXT, NS = 5, 6, 16, 2
AUTHORITATIVE = 0x400
# What a name server that does not answer, or not as one does, ends in.
NO_ANSWER = (OSError, struct.error, IndexError)


class Obstacle(Exception):
    pass


def question(name, kind, recursive):
    labels = b"".join(struct.pack("B", len(each)) + each.encode() for each in name.split(".") if each)
    return secrets.token_bytes(2) + struct.pack(">HHHHH", 0x100 * recursive, 1, 0, 0, 0) + labels + struct.pack(">xHH", kind, 1)


def name_at(message, at):
    labels, end = [], None
    for _ in range(128):
        length = message[at]
        if length >= 0xC0:
            end = end or at + 2
            at = (length & 0x3F) << 8 | message[at + 1]
        elif length:
            labels.append(message[at + 1 : at + 1 + length].decode("ascii", "replace").lower())
            at += 1 + length
        else:
            break
    return ".".join(labels), end or at + 1


def parse(message):
    """The flags of an answer, and its records as (section, name, kind, value)."""
    _, flags, questions, *counts = struct.unpack(">HHHHHH", message[:12])
    at, records = 12, []
    for _ in range(questions):
        at = name_at(message, at)[1] + 4
    for section in (0, 1):
        for _ in range(counts[section]):
            name, at = name_at(message, at)
            kind, _, _, length = struct.unpack(">HHIH", message[at : at + 10])
            at += 10
            if kind in (CNAME, NS):
                value = name_at(message, at)[0]
            elif kind == TXT:
                value, part = "", at
                while part < at + length:
                    value += message[part + 1 : part + 1 + message[part]].decode("ascii", "replace")
                    part += 1 + message[part]
            else:
                value = ""
            records.append((section, name, kind, value))
            at += length
    return flags, records


def received(connection, length):
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise OSError("cut off")
        data += more
    return data


def ask(server, name, kind, recursive=False):
    """Asks a name server by its address. Raises OSError if it does not answer."""
    query = question(name, kind, recursive)
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    for _ in range(2):
        with socket.socket(family, socket.SOCK_DGRAM) as connection:
            connection.settimeout(3)
            # Connected, so that it accepts answers from nobody else.
            connection.connect((server, 53))
            connection.send(query)
            try:
                message = connection.recv(65535)
                while message[:2] != query[:2]:
                    message = connection.recv(65535)
            except socket.timeout:
                continue
        if not message[2] & 2:
            return parse(message)
        break
    with socket.create_connection((server, 53), 3) as connection:
        connection.sendall(struct.pack(">H", len(query)) + query)
        return parse(received(connection, struct.unpack(">H", received(connection, 2))[0]))


def resolve(name, kind):
    """Asks as other programs on this machine do."""
    with open("/etc/resolv.conf") as file:
        resolvers = re.findall(r"^nameserver\s+([^\s%]+)", file.read(), re.M)
    code = "silence"
    for resolver in resolvers or ["127.0.0.1"]:
        try:
            flags, records = ask(resolver, name, kind, True)
        except NO_ANSWER:
            continue
        number = flags & 15
        if number in (0, 3):
            return flags, records
        code = "SERVFAIL" if number == 2 else "REFUSED" if number == 5 else f"code {number}"
    raise Obstacle(f"resolver {name} {code}")


def zone_of(name):
    """The zone that a name is in. A top-level domain counts only if it is one's own, such as `.internal`."""
    at = name
    while at:
        flags, records = resolve(at, SOA)
        for _, owner, kind, _ in records:
            if kind == SOA and owner and (at == owner or at.endswith("." + owner)):
                if "." in owner or flags & AUTHORITATIVE or has_address(name):
                    return owner
        at = at.partition(".")[2]
    raise Obstacle(f"zone {name}")


def has_address(name):
    """Whether the name that a record is for leads somewhere. One that nobody has registered does not."""
    try:
        return bool(socket.getaddrinfo(name.replace(PREFIX, "", 1), 443, type=socket.SOCK_STREAM))
    except OSError:
        return False


def servers_of(zone):
    """The addresses of a zone's name servers that can be asked from here."""
    found = []
    for _, _, kind, host in resolve(zone, NS)[1]:
        if kind != NS:
            continue
        try:
            addresses = {each[4][0] for each in socket.getaddrinfo(host, 53, type=socket.SOCK_DGRAM)}
        except OSError:
            continue
        for address in sorted(addresses):
            try:
                if ask(address, zone, SOA)[0] & 15 == 0:
                    found.append(address)
            except NO_ANSWER:
                continue
    return found


class Place:
    """Where the record has to appear: under its own name or, as long as that is a CNAME, where it leads."""

    def __init__(self, domain):
        name = PREFIX + domain
        # Each name on the way to the last one, with the name servers of its zone.
        self.way = []
        for _ in range(8):
            servers = servers_of(zone_of(name))
            self.way.append((name, servers))
            target = target_of(name, servers)
            if not target:
                break
            name = target
        else:
            raise Obstacle(f"resolver {domain} follows CNAMEs in a circle")
        self.cname = "" if len(self.way) == 1 or self.has_wildcard() else name

    def has_wildcard(self):
        """Whether the first CNAME is that of a wildcard, which no longer counts once there is a record under the name itself."""
        (name, servers), (target, _) = self.way[:2]
        sibling = f"{secrets.token_hex(8)}.{name.replace(PREFIX, '', 1)}"
        return target_of(sibling, servers) == target

    def lacking(self, value):
        """The servers that do not show the record yet; `None` if there are none that can be asked."""
        for name, servers in self.way:
            answers = {server: texts_of(server, name) for server in servers}
            lacking = [server for server, records in answers.items() if (TXT, value) not in records]
            if not any(kind == CNAME for records in answers.values() for kind, _ in records):
                break
        return lacking if servers else None


def texts_of(server, name):
    """The texts and CNAMEs that a server has under a name; none if it does not answer."""
    try:
        return [(kind, value) for _, owner, kind, value in ask(server, name, TXT)[1] if owner == name and kind in (TXT, CNAME)]
    except NO_ANSWER:
        return []


def target_of(name, servers):
    """Where a CNAME leads, by the first of the servers that knows one."""
    return next((value for server in servers for kind, value in texts_of(server, name) if kind == CNAME), None)


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) or b"{}")


class Authority(BaseHTTPRequestHandler):
    """The part of RFC 8555 that leads to one challenge."""

    place = domain = folder = None
    propagation = PROPAGATION
    token = secrets.token_urlsafe(32)
    wanted = ""
    since = None
    seconds = None
    lacking = None
    blind = False
    looks = 0

    def log_message(self, *words):
        pass

    def answer(self, status, body, **headers):
        data = json.dumps(body).encode()
        self.send_response(status)
        headers.update({"Replay-Nonce": secrets.token_urlsafe(16), "Content-Type": "application/json", "Content-Length": len(data)})
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def url(self, path):
        return f"http://{self.headers['Host']}/{path}"

    def do_HEAD(self):
        self.answer(200, {})

    def do_GET(self):
        if self.path != "/directory":
            return self.answer(200, {})
        self.answer(200, {"newNonce": self.url("nonce"), "newAccount": self.url("account"), "newOrder": self.url("order"),
                          "revokeCert": self.url("revoke"), "keyChange": self.url("key")})

    def do_POST(self):
        cls = Authority
        signed = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        protected = decoded(signed["protected"])
        if self.path == "/account":
            # The members of a key that make up its thumbprint, RFC 7638.
            key = {name: protected["jwk"][name] for name in sorted({"e", "kty", "n", "crv", "x", "y"} & set(protected["jwk"]))}
            print_ = base64url(hashlib.sha256(json.dumps(key, separators=(",", ":")).encode()).digest())
            cls.wanted = base64url(hashlib.sha256(f"{cls.token}.{print_}".encode()).digest())
            return self.answer(201, {"status": "valid"}, Location=self.url("account/1"))
        if self.path == "/order":
            return self.answer(201, self.order("pending"), Location=self.url("order/1"))
        if self.path == "/challenge":
            cls.since = cls.since or time.monotonic()
            self.settled()
            return self.answer(200, self.challenge("pending"), Link=f'<{self.url("authorization")}>;rel="up"')
        if self.path == "/authorization" and cls.since is None:
            return self.answer(200, self.authorization("pending"))
        if self.path == "/authorization" and not self.settled():
            cls.looks += 1
            return self.answer(200, self.authorization("pending"), Retry_After=min(1 + cls.looks // 3, 6))
        if self.path == "/authorization":
            return self.answer(200, self.authorization("invalid"))
        self.answer(200, self.order("invalid"))

    def settled(self):
        cls = Authority
        if cls.seconds is not None or cls.lacking:
            return True
        if os.path.exists(os.path.join(cls.folder, "hook")):
            return True
        lacking = cls.place.lacking(cls.wanted)
        took = time.monotonic() - cls.since
        cls.blind = lacking is None
        if not lacking:
            cls.seconds = took
        elif took > cls.propagation:
            cls.lacking = lacking
        return cls.seconds is not None or bool(cls.lacking)

    def order(self, status):
        return {"status": status, "identifiers": [{"type": "dns", "value": self.domain}],
                "authorizations": [self.url("authorization")], "finalize": self.url("finalize"), "expires": "2100-01-01T00:00:00Z"}

    def authorization(self, status):
        return {"status": status, "identifier": {"type": "dns", "value": self.domain}, "challenges": [self.challenge(status)],
                "expires": "2100-01-01T00:00:00Z"}

    def challenge(self, status):
        challenge = {"type": "dns-01", "url": self.url("challenge"), "token": self.token, "status": status}
        if status == "invalid":
            challenge["error"] = {"type": "urn:ietf:params:acme:error:unauthorized", "detail": "this was a rehearsal"}
        return challenge


def write(folder, name, value):
    with open(os.path.join(folder, name), "w") as file:
        file.write(str(value))


def propagation(place, command):
    """Seconds until a record counts as missing. Only a hook (`manual`) may set it where a CNAME leads."""
    return PROPAGATION_CNAME if place.cname and "manual" not in command else PROPAGATION


def rehearse(domain, folder, command):
    Authority.domain, Authority.folder, Authority.place = domain, folder, Place(domain)
    Authority.propagation = propagation(Authority.place, command)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Authority)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stage = [option for each in ("config", "work", "logs") for option in (f"--{each}-dir", os.path.join(folder, each))]
    url = f"http://127.0.0.1:{server.server_port}/directory"
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    # Its other output is about a failure that is intended, and would only be taken for a failure of the order.
    said = subprocess.run([*command, *stage, "--server", url], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    hook = os.path.join(folder, "hook")
    if Authority.seconds is not None and not os.path.exists(hook):
        write(folder, "seen", "blind" if Authority.blind else int(Authority.seconds + 0.5))
        wait = WAIT_BLIND if Authority.blind else max(WAIT_LEAST, int(Authority.seconds * WAIT_FACTOR))
        write(folder, "wait", wait)
        return
    print(said.stdout.decode(errors="replace"))
    if os.path.exists(hook):
        with open(hook) as file:
            raise Obstacle(f"hook {file.read().strip()}")
    if Authority.place.cname and (Authority.lacking or Authority.since is None):
        raise Obstacle(f"cname {Authority.place.cname}")
    if Authority.lacking:
        raise Obstacle(f"unseen {PROPAGATION} {' '.join(Authority.lacking)}")
    raise Obstacle("provider")


def main(domain, folder, _, *command):
    try:
        rehearse(domain, folder, command)
    except Obstacle as obstacle:
        print(f"rehearsal: {obstacle}")
        return 1
    except Exception as error:
        print(f"rehearsal: broken {type(error).__name__}: {' '.join(str(error).split())}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
