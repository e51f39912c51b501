# Tries whether a bucket can do what a registry asks of it, and leaves nothing behind. Prints one sentence if it can't.

def round_trip(bucket):
    """Yields what is about to be tried and what a key must be allowed for it, and tries it."""
    folder = f'{bucket.root}berth-check/'
    key = folder + os.urandom(8).hex()
    content = os.urandom(512).hex().encode()
    keys = [key, f'{key}-copy', f'{key}-parts']
    yield 'write an object', 's3:PutObject'
    bucket.ask('PUT', key, body=content)
    yield 'read an object', 's3:GetObject'
    if bucket.ask('GET', key)[1] != content:
        raise Refusal(200, b'another content than what was written')
    yield 'list objects', 's3:ListBucket'
    there = {each: seconds(about['LastModified']) for each, about in bucket.list(folder)}
    if key not in there:
        raise Refusal(200, b'the object that was written is not in the list')
    # Left by a key that may not delete. Other servers may be at their own checks.
    keys += [each for each, at in there.items() if at < there[key] - 3600]
    yield 'copy an object', 's3:GetObject and s3:PutObject'
    bucket.ask('PUT', keys[1], headers={'x-amz-copy-source': urllib.parse.quote(f'{bucket.name}/{key}', safe='/~')})
    yield 'upload an object in parts', 's3:PutObject'
    upload = begin(bucket, keys[2])
    told, _ = bucket.ask('PUT', keys[2], query={'partNumber': '1', 'uploadId': upload}, body=content)
    yield 'list uploads', 's3:ListBucketMultipartUploads'
    bucket.ask('GET', query={'uploads': '', 'prefix': keys[2]})
    yield 'list the parts of an upload', 's3:ListMultipartUploadParts'
    bucket.ask('GET', keys[2], query={'uploadId': upload})
    yield 'complete an upload', 's3:PutObject'
    whole = f'<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{told["etag"]}</ETag></Part></CompleteMultipartUpload>'
    bucket.ask('POST', keys[2], query={'uploadId': upload}, body=whole.encode())
    yield 'abort an upload', 's3:AbortMultipartUpload'
    bucket.ask('DELETE', keys[2], query={'uploadId': begin(bucket, keys[2])})
    yield 'delete an object', 's3:DeleteObject'
    for each in keys:
        bucket.ask('DELETE', each)


def begin(bucket, key):
    """The id of a new upload in parts."""
    _, begun = bucket.ask('POST', key, query={'uploads': ''})
    return next(each.text for each in xml.etree.ElementTree.fromstring(begun).iter() if tag(each) == 'UploadId')


def check(bucket):
    trying, permission = 'open a connection', ''
    try:
        for trying, permission in round_trip(bucket):
            pass
        return ''
    except Exception as error:
        return why(bucket, error, trying, permission)


if __name__ == '__main__':
    become(sys.argv[1])
    settings = json.loads(sys.stdin.readline())
    bucket = Bucket(settings, 10)
    said = check(bucket)
    if said:
        print(f'the bucket {bucket.name} {said}')
        sys.exit(1)
