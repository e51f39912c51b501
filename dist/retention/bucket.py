# The store of a registry in a bucket: what is in it, and how to remove what nobody needs, while the registry serves. It does what
# `store.pl` does on a disk, and prints the same lines; see there for what they mean.
#
#   look      prints what is there; changes nothing
#   collect   sets aside what stdin names and whatever nothing refers to any more
#   undo      puts back what the last collection set aside
#   settle    puts back what was asked for while it was set aside, as the logs tell by now
#
# After the line for `s3.py`, stdin has what to set aside, and lines of nginx's logs. A bucket does not know when something was read, so
# the logs tell which layers a push in progress may rely on.
#
# A bucket has no rename. Setting aside means copying and then deleting, so that only one of two copies is ever deleted. The program may
# be killed at any point: the next run looks at what is there, puts back what is wanted, and continues.
import concurrent.futures
import email.utils
import re

DIGEST = re.compile(rb'"([a-z0-9]{1,32}:[0-9a-f]{32,128})"')
LINK = re.compile(r'[a-z0-9]{1,32}:[0-9a-f]{32,128}')
# A request in nginx's log. Before its time comes the name of a user, which is whatever a client sends; but nginx escapes quotes.
ASKED = re.compile(
    r'\[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "(?:'
    # Nobody relies on what was refused or is not there. 499 is nginx's own: the client has left.
    r'(?:HEAD|GET) /v2/\S+/(?:blobs|manifests)/([a-z0-9]+:[0-9a-f]+)[ ?][^"]*" (?:499|[^4])'
    # 202 is the answer to a layer that was not there to be mounted.
    r'|[A-Z]+ \S*[?&]mount=([a-z0-9]+(?::|%3[Aa])[0-9a-f]+)[^"]*" (?:201|499))'
)
# The registry accepts manifests of up to 4 MiB. One request can copy up to 5 GiB.
MANIFEST, COPY = 4 << 20, 5 << 30


# Seconds for which a run has the bucket that says nothing any more, and after which it says again that it is at work.
LEASE, RENEWAL = 300, 60


class Stopped(Exception):
    """Why a run ends before it has changed anything."""


class Patient(Bucket):
    """Tries again when the storage is too busy."""

    def may_write(self):
        """Throws if somebody else may be at work by now."""

    def ask(self, *request, **more):
        if request[0] != 'GET':
            self.may_write()
        for wait in (0.5, 2, 6, None):
            try:
                return super().ask(*request, **more)
            except Refusal as refusal:
                if wait is None or (refusal.status < 500 and refusal.status != 429):
                    raise
            except (OSError, http.client.HTTPException):
                if wait is None:
                    raise
            time.sleep(wait)

    def get(self, key):
        """Headers and content, or None if there is no such object. No other failure may count as that."""
        try:
            return self.ask('GET', key)
        except Refusal as refusal:
            if refusal.status == 404 and refusal.code == 'NoSuchKey':
                return None
            raise

    def copy(self, source, target, meta=None):
        """Copies an object. Returns whether there was one. With `meta`, the copy remembers a time."""
        headers = {'x-amz-copy-source': urllib.parse.quote(f'{self.name}/{source}', safe='/~')}
        if meta is not None:
            headers.update({'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-mtime': str(meta)})
        try:
            self.ask('PUT', target, headers=headers)
        except Refusal as refusal:
            if refusal.status == 404 and refusal.code == 'NoSuchKey':
                return False
            raise
        return True

    def delete(self, key):
        self.ask('DELETE', key)


class Lock:
    """
    One run at a time in a bucket, whichever server it is on. Not every storage has conditional writes, so each run writes an object of
    its own and then looks for those of others: of two that begin at once, at least the one that wrote later sees the other, and
    gives way. Whoever is killed leaves an object that gets old.
    """

    def __init__(self, store, server):
        self.store, self.bucket, self.server = store, store.bucket, server
        self.folder = f'{store.aside}lock/'
        self.key = f'{self.folder}{os.urandom(8).hex()}'
        self.ended, self.renewing = threading.Event(), threading.Thread(target=self.renew, daemon=True)

    def enter(self):
        """Returns nothing, or who is at work: the server’s name, and since when."""
        now = self.store.time()
        self.about = json.dumps({'server': self.server, 'name': socket.gethostname(), 'since': now}).encode()
        self.renewed = self.clock()
        self.bucket.ask('PUT', self.key, body=self.about)
        for key, about in list(self.bucket.list(self.folder)):
            if key in (self.key, self.folder):
                continue
            found = self.bucket.get(key)
            told = json.loads(found[1]) if found else None
            # On this server there is none but us: it has a lock of its own. Ours has been there as long as others can’t have seen it.
            if told and told['server'] != self.server and now - seconds(about['LastModified']) < LEASE:
                self.leave()
                return re.sub(r'[^\w.-]', '', str(told['name']))[:64], min(int(told['since']), now)
            self.bucket.delete(key)
        self.bucket.may_write = self.check
        self.renewing.start()
        return None

    def clock(self):
        """Seconds, also those in which the machine slept."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def check(self):
        if self.clock() - self.renewed > LEASE - RENEWAL:
            raise OSError(f'it has not let this run say for {LEASE - RENEWAL} s that it is at work')

    def renew(self):
        while not self.ended.wait(RENEWAL):
            at = self.clock()
            try:
                self.check()
                Bucket.ask(self.bucket, 'PUT', self.key, body=self.about)
                self.renewed = at
            except (Refusal, OSError, http.client.HTTPException):
                pass

    def leave(self):
        """What can’t be deleted gets old."""
        self.ended.set()
        if self.renewing.is_alive():
            self.renewing.join()
        try:
            self.bucket.delete(self.key)
        except (Refusal, OSError, http.client.HTTPException):
            pass


def entry(digest):
    return digest.replace(':', '/')


def blob_path(digest):
    algorithm, hexadecimal = digest.split(':')
    return f'blobs/{algorithm}/{hexadecimal[:2]}/{hexadecimal}/data'


class Repository:
    def __init__(self):
        self.revisions, self.layers, self.tags, self.index = {}, {}, {}, {}


class Scan:
    """Everything in the store, from one walk through the names of its objects."""

    def __init__(self, bucket, prefix):
        self.blobs, self.repositories, self.keys = {}, {}, set()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            parts = [pool.submit(lambda part: list(bucket.list(prefix + part)), part) for part in ('blobs/', 'repositories/')]
            listed = [each for part in parts for each in part.result()]
        for key, about in listed:
            path = key[len(prefix):]
            self.keys.add(path)
            at = seconds(about['LastModified'])
            blob = re.fullmatch(r'blobs/([^/]+)/../([^/]+)/data', path)
            if blob:
                self.blobs[':'.join(blob.groups())] = (int(about['Size']), at)
                continue
            link = re.fullmatch(r'repositories/(.+?)/(_manifests/revisions|_manifests/tags|_layers)/(.+)', path)
            if not link:
                continue
            name, found, below = link.groups()
            repository = self.repositories.setdefault(name, Repository())
            parts = below.split('/')
            if parts[-1] != 'link':
                continue
            if found == '_layers' and len(parts) == 3:
                repository.layers[f'{parts[0]}:{parts[1]}'] = at
            elif found == '_manifests/revisions' and len(parts) == 3:
                repository.revisions[f'{parts[0]}:{parts[1]}'] = at
            elif found == '_manifests/tags' and parts[1:] == ['current', 'link']:
                repository.tags[parts[0]] = at
            elif found == '_manifests/tags' and len(parts) == 5 and parts[1] == 'index':
                repository.index.setdefault(parts[0], {})[f'{parts[2]}:{parts[3]}'] = at


class Store:
    def __init__(self, bucket, grace):
        self.bucket, self.grace = bucket, grace
        self.prefix, self.aside = f'{bucket.root}docker/registry/v2/', f'{bucket.root}berth-aside/'
        self.pool = concurrent.futures.ThreadPoolExecutor(16)
        self.manifests, self.asked = {}, {}
        self.now = self.time()

    def time(self):
        """The time by the clock of the storage, which also sets the times of objects."""
        headers, _ = self.bucket.ask('GET', query={'list-type': '2', 'prefix': self.aside, 'max-keys': '1'})
        return int(email.utils.parsedate_to_datetime(headers['date']).timestamp()) if 'date' in headers else int(time.time())

    def each(self, work, items):
        return list(self.pool.map(work, items))

    def hear(self, line):
        """Reads a line of nginx's log that names a layer or an image."""
        asked = ASKED.search(line)
        if not asked:
            return
        at, read, mounted = asked.groups()
        try:
            moment = datetime.datetime.strptime(at, '%d/%b/%Y:%H:%M:%S %z').timestamp()
        except ValueError:
            return
        digest = read or re.sub('%3[Aa]', ':', mounted)
        # The server's clock may be ahead of the storage's.
        self.asked[digest] = max(min(moment, self.now), self.asked.get(digest, 0))

    def is_asked(self, digest):
        return self.now - self.asked.get(digest, 0) < self.grace

    def was_asked(self, digest, run):
        """Whether somebody has asked for it since the run that set it aside read the logs, which was an hour before at the earliest."""
        return self.asked.get(digest, 0) > int(run) - min(self.grace, 3600)

    def scan(self):
        scan = Scan(self.bucket, self.prefix)
        tags = [(name, tag) for name, repository in scan.repositories.items() for tag in repository.tags]
        read = self.each(lambda each: self.link(*each), tags)
        for (name, tag), seen in zip(tags, read):
            if seen is None:
                del scan.repositories[name].tags[tag]
            else:
                scan.repositories[name].tags[tag] = seen
        return scan

    def tag_key(self, name, tag):
        return f'repositories/{name}/_manifests/tags/{tag}/current/link'

    def link(self, name, tag):
        """What a tag points to, when it was pushed, and when the object was written. A copy, as by rclone, remembers the time of its original."""
        found = self.bucket.get(self.prefix + self.tag_key(name, tag))
        if found is None or not LINK.fullmatch(found[1].decode(errors='replace')):
            return None
        headers, content = found
        written = email.utils.parsedate_to_datetime(headers['last-modified']).timestamp()
        try:
            pushed = float(headers.get('x-amz-meta-mtime', ''))
        except ValueError:
            pushed = written
        return content.decode(), pushed, written

    def manifest(self, digest, scan, aside):
        if digest in self.manifests:
            return self.manifests[digest]
        path = blob_path(digest)
        size = scan.blobs[digest][0] if digest in scan.blobs else 0
        found = self.bucket.get(self.prefix + path) if digest in scan.blobs and size <= MANIFEST else None
        if found is None and digest not in scan.blobs:
            for run in aside:
                if path in aside[run]:
                    found = self.bucket.get(f'{self.aside}{run}/{path}')
        if found is None or not re.match(rb'\s*\{', found[1]):
            told = ([], '', False)
        else:
            content = re.sub(rb'\\u00([0-9a-fA-F]{2})', lambda each: bytes([int(each.group(1), 16)]), found[1])
            refers = {each.decode() for each in DIGEST.findall(content)} - {digest}
            subject = subject_of(found[1])
            # Only if nothing else in it is the same text.
            if subject and content.count(subject.encode()) == 1:
                refers.discard(subject)
            told = (sorted(refers), subject, b'"manifests"' in content)
        if found is not None:
            self.manifests[digest] = told
        return told

    def follow(self, roots, scan, aside):
        """All manifests that can be reached from some: what each refers to, what it belongs to, and whether it is a list."""
        seen, queue = {}, list(dict.fromkeys(roots))
        while queue:
            for digest, told in zip(queue, self.each(lambda each: self.manifest(each, scan, aside), queue)):
                seen[digest] = told
            # Only those of lists: the others may be layers of gigabytes.
            queue = list(dict.fromkeys(each for digest in queue if seen[digest][2] for each in seen[digest][0] if each not in seen))
        return seen

    def roots(self, scan, going=()):
        return {
            name: [each for each in repository.revisions if (name, each) not in going]
            + [digest for digest, _, _ in repository.tags.values()]
            for name, repository in scan.repositories.items()
        }

    # --- What is set aside

    def runs(self):
        """The objects that each run set aside, by its number, with their sizes, without those that are being deleted."""
        runs = {}
        for key, about in self.bucket.list(self.aside):
            run, _, path = key[len(self.aside):].partition('/')
            # Some tools make an empty object for each folder.
            if run.isdigit() and path != '' and not path.endswith('/'):
                runs.setdefault(run, {})[path] = int(about['Size'])
        return dict(sorted(runs.items(), key=lambda each: int(each[0]), reverse=True))

    def set_aside(self, run, path, at):
        if not self.bucket.copy(self.prefix + path, f'{self.aside}{run}/{path}', at):
            return False
        # Every push writes its links again, but not blobs that are there already.
        if path.endswith('/link'):
            seen = self.bucket.get(self.prefix + path)
            if seen is None or email.utils.parsedate_to_datetime(seen[0]['last-modified']).timestamp() != at:
                return False
        self.bucket.delete(self.prefix + path)
        return True

    def put_back(self, run, path):
        if not self.bucket.copy(f'{self.aside}{run}/{path}', self.prefix + path):
            return False
        self.bucket.delete(f'{self.aside}{run}/{path}')
        return True

    def settle(self):
        """Puts back what is needed after all: by an image that was pushed in the meantime, or because a run was killed."""
        restored = 0
        for _ in range(5):
            runs = self.runs()
            if not any(path != 'plan' for run in runs.values() for path in run):
                break
            scan = self.scan()
            roots = self.roots(scan)
            seen = self.follow([each for some in roots.values() for each in some], scan, runs)
            live = set(seen) | {each for refers, _, _ in seen.values() for each in refers}
            held = {each for repository in scan.repositories.values() for each, at in repository.layers.items() if self.now - at < self.grace}
            wanted, back = {}, []
            for run, paths in runs.items():
                for path in paths:
                    if path in scan.keys:
                        continue
                    link = re.fullmatch(r'repositories/(.+)/(?:_layers|_manifests/revisions)/([^/]+)/([^/]+)/link', path)
                    blob = re.fullmatch(r'blobs/([^/]+)/../([^/]+)/data', path)
                    tagged = re.fullmatch(r'repositories/(.+)/_manifests/tags/([^/]+)/current/link', path)
                    if link:
                        name, digest = link.group(1), ':'.join(link.groups()[1:])
                        if name not in wanted:
                            wanted[name] = reachable(roots.get(name, []), seen)
                        if digest in wanted[name] or self.was_asked(digest, run):
                            back.append((run, path))
                    elif blob:
                        digest = ':'.join(blob.groups())
                        if digest in live or digest in held or self.was_asked(digest, run):
                            back.append((run, path))
                    elif tagged and tagged.group(1) in scan.repositories:
                        # The run was killed before it checked whether the tag was pushed again.
                        self.restore(*tagged.groups(), scan.repositories[tagged.group(1)].index.get(tagged.group(2), {}), int(run))
            moved = sum(self.each(lambda each: self.put_back(*each), back))
            restored += moved
            if not moved:
                break
        return restored

    def restore(self, name, tag, index, since):
        """A push writes the index of its tag before the link. If an entry is newer than `since`, we may have deleted its link."""
        newer = [(at, digest) for digest, at in index.items() if at >= since]
        if not newer:
            return False
        if self.bucket.get(self.prefix + self.tag_key(name, tag)) is None:
            self.bucket.ask('PUT', self.prefix + self.tag_key(name, tag), body=max(newer)[1].encode())
        return True

    def forget(self):
        freed = 0
        for run, paths in self.runs().items():
            if self.now - int(run) < self.grace and 'gone' not in paths:
                continue
            # A part must not be taken for the whole.
            self.bucket.ask('PUT', f'{self.aside}{run}/gone')
            freed += sum(size for path, size in paths.items() if path.startswith('blobs/'))
            self.each(self.bucket.delete, [f'{self.aside}{run}/{path}' for path in paths])
            self.bucket.delete(f'{self.aside}{run}/gone')
        return freed

    # --- look

    def look(self):
        print(f'time {self.now}\ndisk 0 0\nnoatime')
        scan = self.scan()
        runs = self.runs()
        fresh = {each for repository in scan.repositories.values() for each, at in repository.layers.items() if self.now - at < self.grace}
        number = {}

        def tell(digest):
            if digest not in number:
                number[digest] = len(number)
                print(f'blob {digest} -1 0')
            return number[digest]

        for digest, (size, at) in scan.blobs.items():
            number[digest] = len(number)
            is_fresh = not scan.repositories or digest in fresh or self.is_asked(digest) or self.now - at < self.grace
            print(f'blob {digest} {size} {"large" if size > COPY else int(is_fresh)}')
        seen = self.follow([each for some in self.roots(scan).values() for each in some], scan, runs)
        for digest, (refers, subject, is_list) in seen.items():
            numbers = [str(tell(each)) for each in refers]
            print(f'manifest {tell(digest)} {tell(subject) if subject else "-"} {int(is_list)} {",".join(numbers)}')
        for name, repository in sorted(scan.repositories.items()):
            lines = [f'repository {name}']
            left = times_of_leaving(repository)
            lines += [
                f'revision {tell(digest)} {at:.0f} {self.asked.get(digest, 0):.0f} {left.get(digest, 0):.0f}'
                for digest, at in repository.revisions.items()
            ]
            lines += [f'tag {tag} {tell(digest)} {pushed:.6f} {pushed:.0f}' for tag, (digest, pushed, _) in sorted(repository.tags.items())]
            print('\n'.join(lines))
        print(f'aside {sum(size for run in runs.values() for path, size in run.items() if path.startswith("blobs/"))}')

    # --- collect

    def collect(self, orders):
        planned = next((int(line.split(' ')[1]) for line in orders if line.startswith('planned ')), self.now)
        # If the clock jumped, a push in progress would seem to be long over.
        if not planned - 60 <= self.now <= planned + 3600:
            raise Stopped(f'the clock of the bucket {self.bucket.name} has jumped by {(self.now - planned) // 60} minutes since it was looked at')
        restored = self.settle()
        freed = self.forget()
        run = str(max([self.now, *(int(each) + 1 for each in self.runs())]))
        self.bucket.ask('PUT', f'{self.aside}{run}/plan', body='\n'.join(orders).encode())
        tags = [each.groups() for each in (re.fullmatch(r'tag ([a-z0-9][a-z0-9._/-]*) ([\w.-]+) (\S+) (\d+)', line) for line in orders) if each]
        for changed in self.each(lambda each: self.untag(run, *each), tags):
            if changed:
                print(f'changed {changed}')
        moved = self.sweep(run, orders)
        if moved:
            time.sleep(5 if self.grace > 10 else 1)
            self.now = self.time()
            restored += self.settle()
        left = self.runs().get(run, {})
        blobs = [size for path, size in left.items() if path.startswith('blobs/')]
        if set(left) == {'plan'}:
            self.bucket.delete(f'{self.aside}{run}/plan')
        print(f'moved {sum(blobs)} {len(blobs)}\nfreed {freed}\nrestored {restored}')

    def untag(self, run, name, tag, digest, pushed):
        """Removes a tag, unless it was pushed again, even between the check and the removal."""
        began = self.time()
        seen = self.link(name, tag)
        folder = f'repositories/{name}/_manifests/tags/{tag}/'
        # Objects only know whole seconds.
        if seen is None or seen[0] != digest or int(seen[1]) != int(pushed) or began - seen[2] < 10:
            return f'{name} {tag}'
        keys = [key[len(self.prefix):] for key, _ in self.bucket.list(self.prefix + folder)]
        index = [key for key in keys if key.startswith(f'{folder}index/') and key.endswith('/link')]
        for key in index:
            self.bucket.copy(self.prefix + key, f'{self.aside}{run}/{key}')
        current = self.tag_key(name, tag)
        self.bucket.copy(self.prefix + current, f'{self.aside}{run}/{current}', seen[1])
        if self.link(name, tag) != seen:
            return f'{name} {tag}'
        self.bucket.delete(self.prefix + current)
        written = {}
        for key, about in self.bucket.list(f'{self.prefix}{folder}index/'):
            found = re.fullmatch(r'index/([^/]+)/([^/]+)/link', key[len(self.prefix + folder):])
            if found:
                written[':'.join(found.groups())] = seconds(about['LastModified'])
        if self.restore(name, tag, written, began - 1):
            return f'{name} {tag}'
        for key in index:
            self.bucket.delete(self.prefix + key)
        return ''

    def sweep(self, run, orders):
        scan = self.scan()
        going = {}
        for line in orders:
            found = re.fullmatch(r'manifest ([a-z0-9][a-z0-9._/-]*) ([a-z0-9]+:[0-9a-f]+) (\d+)', line)
            if found and found.group(1) in scan.repositories:
                name, digest, pushed = found.groups()
                repository = scan.repositories[name]
                is_tagged = digest in {each[0] for each in repository.tags.values()}
                # What was just read may still be pulled.
                if repository.revisions.get(digest) == int(pushed) and not is_tagged and not self.is_asked(digest):
                    going[name, digest] = repository.revisions[digest]
        roots = self.roots(scan, going)
        seen = self.follow([each for some in roots.values() for each in some], scan, {})
        live = set(seen) | {each for refers, _, _ in seen.values() for each in refers}
        # If there is no repository at all, the list itself may be wrong.
        if not scan.repositories:
            return 0
        moves, held = [], set()
        for (name, digest), at in going.items():
            if digest not in live:
                moves.append((f'repositories/{name}/_manifests/revisions/{entry(digest)}/link', at))
        for name, repository in scan.repositories.items():
            needed = reachable(roots[name] + [digest for repo, digest in going if repo == name and digest in live], seen)
            for digest, at in repository.layers.items():
                if digest in needed:
                    continue
                if self.now - at < self.grace or self.is_asked(digest):
                    held.add(digest)
                else:
                    moves.append((f'repositories/{name}/_layers/{entry(digest)}/link', at))
        blobs = [
            (blob_path(digest), at)
            for digest, (size, at) in scan.blobs.items()
            if digest not in live and digest not in held and not self.is_asked(digest) and self.now - at >= self.grace and size <= COPY
        ]
        # Links first, so that everything that can be pulled is complete.
        return sum(sum(self.each(lambda each: self.set_aside(run, *each), some)) for some in (moves, blobs))

    def heed(self):
        """Puts back what somebody has asked for in the meantime. Most often that is nothing, and then this reads nothing else."""
        asked = (
            self.was_asked(f'{found.group(1)}:{found.group(2)}', run)
            for run, paths in self.runs().items()
            for found in (re.search(r'/([^/]+)/(?:../)?([^/]+)/(?:data|link)$', path) for path in paths)
            if found
        )
        print(f'restored {self.settle() if any(asked) else 0}')

    # --- undo

    def undo(self):
        run, paths = next(((run, paths) for run, paths in self.runs().items() if 'gone' not in paths), ('', {}))
        if not run:
            print('nothing')
            return
        there = Scan(self.bucket, self.prefix).keys
        tags = blobs = 0
        # Blobs first and tags last, so that everything that can be pulled is complete.
        for number in range(5):
            some = [path for path in paths if path not in ('plan', 'gone') and rank(path) == number and path not in there]
            self.each(lambda path: self.put_back(run, path), some)
            blobs += len(some) if number == 0 else 0
            for path in some if number == 4 else ():
                tags += 1
                name, tag = re.fullmatch(r'repositories/(.+?)/_manifests/tags/([^/]+)/current/link', path).groups()
                print(f'back {name} {tag}')
        self.each(self.bucket.delete, [f'{self.aside}{run}/{path}' for path in paths])
        print(f'restored {tags} {blobs}')


def rank(path):
    """The place of an object in the order of putting back. A repository may be called `blobs`, but no part of its name begins with `_`."""
    below = re.sub('^repositories/.+?/(?=_)', '', path)
    kinds = ('blobs/', '_layers/', '_manifests/revisions/', '_manifests/tags/[^/]+/index/', '_manifests/tags/[^/]+/current/')
    return next((number for number, kind in enumerate(kinds) if re.match(kind, below)), 0)


def subject_of(manifest):
    """The digest that a manifest names as its subject, or nothing. Whoever pushes it can write anything there."""
    try:
        subject = json.loads(manifest)['subject']['digest']
    except (ValueError, LookupError, TypeError, RecursionError):
        return ''
    return subject if isinstance(subject, str) and LINK.fullmatch(subject) else ''


def times_of_leaving(repository):
    """When a tag last moved on from each image. The registry keeps a link for everything that a tag has ever pointed to."""
    left = {}
    for index in repository.index.values():
        order = sorted(index.items(), key=lambda each: each[1])
        for (digest, _), (_, at) in zip(order, order[1:]):
            left[digest] = max(at, left.get(digest, 0))
    return left


def reachable(roots, seen):
    found, queue = set(), list(roots)
    while queue:
        digest = queue.pop()
        if digest not in found:
            found.add(digest)
            queue.extend(seen[digest][0] if digest in seen else [])
    return found


def run(store, command, server, orders):
    """Changes something, if nobody else does."""
    lock = Lock(store, server)
    holder = lock.enter()
    if holder:
        print('busy', *holder)
        return
    try:
        {'undo': store.undo, 'settle': store.heed, 'collect': lambda: store.collect(orders)}[command]()
    finally:
        lock.leave()


if __name__ == '__main__':
    try:
        # Made by this server’s first run since it booted.
        with open('/run/berth-server') as file:
            server = file.read()
    except FileNotFoundError:
        server = ''
    become(sys.argv[1])
    settings = json.loads(sys.stdin.readline())
    bucket = Patient(settings, 60)
    try:
        store = Store(bucket, settings['grace'])
        orders = []
        for line in sys.stdin:
            if line.startswith(('planned ', 'tag ', 'manifest ')):
                orders.append(line.rstrip('\n'))
            else:
                store.hear(line)
        if settings['command'] == 'look':
            store.look()
        else:
            run(store, settings['command'], server, orders)
    except (Refusal, OSError, http.client.HTTPException) as error:
        print(f'error the bucket {bucket.name} {why(bucket, error, "work in it", "s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket")}')
        sys.exit(1)
    except Stopped as reason:
        print(f'error {reason}')
        sys.exit(1)
    except Exception as error:
        print(f'error the bucket {bucket.name} was not understood ({type(error).__name__} {error}); fix that there, and run again')
        sys.exit(1)
