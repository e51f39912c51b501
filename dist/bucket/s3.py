# Access to a bucket over S3. The program that uses it is appended to this file. It runs on the server, because a runner may not
# reach the storage; as an account without rights; and with Python's own modules only, because Python comes with certbot.
#
# The first line of stdin is JSON with the address and the key, so that the key is on no command line and in no environment.
import datetime
import hashlib
import hmac
import http.client
import json
import os
import socket
import ssl
import sys
import threading
import time
import urllib.parse
import xml.etree.ElementTree


# What helps against what a storage answers, by its code.
ADVICE = {
    'InvalidAccessKeyId': 'correct `s3-access-key`',
    'SignatureDoesNotMatch': 'correct `s3-secret-key`, which does not belong to this `s3-access-key`',
    'NoSuchBucket': 'create the bucket, or correct `s3-bucket`',
    'AuthorizationHeaderMalformed': 'correct `s3-region`',
    'IllegalLocationConstraintException': 'correct `s3-region`',
    'InvalidRegion': 'correct `s3-region`',
    'PermanentRedirect': 'correct `s3-region` or `s3-endpoint`',
    'TemporaryRedirect': 'correct `s3-region` or `s3-endpoint`',
    'RequestTimeTooSkewed': 'set the server’s clock (`timedatectl set-ntp true`) or the storage’s, which differ by more than 15 minutes',
    'InvalidStorageClass': 'correct `storageclass` in `registry-config`',
    'KMS.NotFoundException': 'correct `keyid` in `registry-config`',
    'QuotaExceeded': 'make room in the storage',
    'StorageFull': 'make room in the storage',
    'NotImplemented': 'use a storage that has it',
}


class Refusal(Exception):
    """An answer of the storage that says no: its status, its code and its words."""

    def __init__(self, status, body):
        super().__init__()
        self.status = status
        try:
            said = {tag(each): (each.text or '').strip() for each in xml.etree.ElementTree.fromstring(body).iter()}
        except xml.etree.ElementTree.ParseError:
            said = {}
        self.code = said.get('Code', '')
        self.words = ' '.join(said.get('Message', '').split()) or body[:200].decode(errors='replace').strip()

    def __str__(self):
        told = f'{self.status} {self.code}'.strip()
        return f'{told}{": " if self.words else ""}{self.words.rstrip(".")}'


def tag(element):
    return element.tag.rsplit('}', 1)[-1]


class Bucket:
    def __init__(self, settings, timeout):
        region, bucket = settings['region'], settings['bucket']
        domain = 'amazonaws.com.cn' if region.startswith('cn-') else 'amazonaws.com'
        address = urllib.parse.urlsplit(settings.get('endpoint') or f'https://s3.{region}.{domain}')
        in_path = settings['pathStyle'] or '.' in bucket
        self.secure = address.scheme == 'https'
        self.host = address.netloc if in_path else f'{bucket}.{address.netloc}'
        self.name = bucket
        self.base = f'/{bucket}' if in_path else ''
        self.root = settings['folder']
        self.region = region
        self.id, self.secret = settings['accessKey'], settings['secretKey']
        self.making = making(settings)
        self.timeout = timeout
        self.context = ssl.create_default_context()
        # The registry does not ask it of a company’s authority either, nor did Python before 3.13.
        self.context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if settings.get('skipVerify'):
            self.context.check_hostname = False
            self.context.verify_mode = ssl.CERT_NONE
        self.own = threading.local()

    def ask(self, method, key='', query=(), headers=(), body=b''):
        """Returns headers and body, or raises a Refusal. Opens the connection again if it was closed in the meantime."""
        path = urllib.parse.quote(f'{self.base}/{key}', safe='/~')
        pairs = sorted((urllib.parse.quote(a, safe='~'), urllib.parse.quote(b, safe='~')) for a, b in dict(query).items())
        line = '&'.join(f'{a}={b}' for a, b in pairs)
        # A part is like the whole that it belongs to.
        makes = (method == 'PUT' and not query) or (method == 'POST' and 'uploads' in dict(query))
        given = {**(self.making if makes else {}), **dict(headers), 'host': self.host}
        signed = self.sign(method, path, line, given, body)
        reused = hasattr(self.own, 'link')
        try:
            return self.send(method, f'{path}?{line}' if line else path, signed, body)
        except (http.client.HTTPException, ConnectionError):
            if not reused:
                raise
            return self.send(method, f'{path}?{line}' if line else path, signed, body)

    def send(self, method, target, headers, body):
        if not hasattr(self.own, 'link'):
            if self.secure:
                link = http.client.HTTPSConnection(self.host, timeout=self.timeout, context=self.context)
            else:
                link = http.client.HTTPConnection(self.host, timeout=self.timeout)
            self.own.link = link
        try:
            self.own.link.request(method, target, body, headers)
            answer = self.own.link.getresponse()
            content = answer.read()
        except BaseException:
            self.own.link.close()
            del self.own.link
            raise
        if answer.status >= 300 or (method != 'GET' and content.find(b'<Error>') >= 0):
            raise Refusal(answer.status, content)
        return {name.lower(): value for name, value in answer.getheaders()}, content

    def sign(self, method, path, line, headers, body):
        """AWS Signature Version 4."""
        moment = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
        digest = hashlib.sha256(body).hexdigest()
        headers = {**headers, 'x-amz-date': moment, 'x-amz-content-sha256': digest}
        names = sorted(headers)
        lines = ''.join(f'{name}:{headers[name].strip()}\n' for name in names)
        request = '\n'.join([method, path, line, lines, ';'.join(names), digest])
        scope = f'{moment[:8]}/{self.region}/s3/aws4_request'
        text = '\n'.join(['AWS4-HMAC-SHA256', moment, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = f'AWS4{self.secret}'.encode()
        for part in scope.split('/'):
            key = hmac.new(key, part.encode(), 'sha256').digest()
        signature = hmac.new(key, text.encode(), 'sha256').hexdigest()
        headers['authorization'] = (
            f'AWS4-HMAC-SHA256 Credential={self.id}/{scope}, SignedHeaders={";".join(names)}, Signature={signature}'
        )
        return headers

    def list(self, prefix):
        """All keys below a prefix: pairs of the key and a map with Size, LastModified and ETag."""
        query = {'list-type': '2', 'prefix': prefix}
        while True:
            _, content = self.ask('GET', query=query)
            answer = xml.etree.ElementTree.fromstring(content)
            for each in answer:
                if tag(each) == 'Contents':
                    about = {tag(item): item.text or '' for item in each}
                    yield about['Key'], about
            more = {tag(each): each.text or '' for each in answer}
            if more.get('IsTruncated') != 'true':
                return
            query['continuation-token'] = more['NextContinuationToken']


def making(settings):
    """What the registry says of each object that it makes: a bucket may refuse any other."""
    headers = {}
    if settings.get('encrypt'):
        key = settings.get('keyId')
        headers['x-amz-server-side-encryption'] = 'aws:kms' if key else 'AES256'
        if key:
            headers['x-amz-server-side-encryption-aws-kms-key-id'] = key
    if settings.get('storageClass'):
        headers['x-amz-storage-class'] = settings['storageClass']
    return headers


def seconds(text):
    """Seconds since 1970, from a time as in a list of objects."""
    return datetime.datetime.strptime(text[:19] + '+0000', '%Y-%m-%dT%H:%M:%S%z').timestamp()


def why(bucket, error, trying, permission):
    """What is wrong, behind `the bucket NAME`, and what to do: `trying` to do something failed, for which a key needs `permission`."""
    if isinstance(error, Refusal):
        advice = ADVICE.get(error.code, 'fix that there')
        if error.code == 'AccessDenied':
            advice = f'let this key do {permission} in the bucket'
        elif 'access key' in error.words.lower() and error.code not in ADVICE:
            advice = ADVICE['InvalidAccessKeyId']
        return f'does not let this server {trying}: {error}; {advice}, and run again'
    if isinstance(error, ssl.SSLCertVerificationError):
        return f'has a certificate that this server does not trust ({error.verify_message}); put the certificate of its authority into /usr/local/share/ca-certificates there, run `update-ca-certificates`, and run again'
    if isinstance(error, ssl.SSLError):
        return f'does not speak TLS as it should ({error.reason}); is `s3-endpoint` really https?'
    if isinstance(error, socket.gaierror):
        return f'is at {bucket.host}, which this server does not find in DNS; correct `s3-endpoint` or `s3-region`'
    if isinstance(error, (socket.timeout, TimeoutError)):
        return f'has not answered within {bucket.timeout} s when this server tried to {trying}; let the server reach {bucket.host}, and run again'
    if isinstance(error, (OSError, http.client.HTTPException)):
        said = getattr(error, 'strerror', None) or str(error) or type(error).__name__
        return f'can’t be reached from this server ({said}); let the server reach {bucket.host}, and run again'
    raise error


def become(account):
    """Gives up the rights of root."""
    uid, gid = (int(each) for each in account.split(':'))
    if os.geteuid() == 0 and uid != 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.chdir('/')
