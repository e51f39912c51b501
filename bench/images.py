#!/usr/bin/env python3
"""Runs on the server, beside or in the place of its registry.

fill ROOT COUNT      a store with COUNT images of four layers each, 200 in a repository, pushed a minute apart until 100 days ago
clock FILE COMMAND…  runs it with FILE as its input, and prints the seconds of the processor and the kB of memory at most
"""
import hashlib, json, os, resource, subprocess, sys, time

def write(path, text, at):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.utime(path, (at, at))

def fill(root, count):
    start = int(time.time()) - 100 * 86400
    for number in range(int(count)):
        at = start - 60 * number
        repository = f"{root}/repositories/fill/app{number // 200}"
        def blob(text):
            digest = hashlib.sha256(text.encode()).hexdigest()
            write(f"{root}/blobs/sha256/{digest[:2]}/{digest}/data", text, at)
            return {"digest": f"sha256:{digest}", "size": len(text)}
        def link(folder, digest):
            write(f"{repository}/{folder}/link", digest, at)
        entry = lambda digest: digest.replace(":", "/")
        config, *layers = [blob(f"{part} of {number}") for part in ["config", "layer 1", "layer 2", "layer 3", "layer 4"]]
        for each in [config, *layers]:
            link(f"_layers/{entry(each['digest'])}", each["digest"])
        kind = "application/vnd.oci.image"
        manifest = blob(json.dumps({
            "schemaVersion": 2, "mediaType": f"{kind}.manifest.v1+json",
            "config": {"mediaType": f"{kind}.config.v1+json", **config},
            "layers": [{"mediaType": f"{kind}.layer.v1.tar", **each} for each in layers]}))["digest"]
        link(f"_manifests/revisions/{entry(manifest)}", manifest)
        link(f"_manifests/tags/t{number}/index/{entry(manifest)}", manifest)
        link(f"_manifests/tags/t{number}/current", manifest)
    subprocess.run(["chown", "-R", "65532:65532", root.split("/docker/")[0]], check=True)

def clock(file, *command):
    with open(file) as stdin:
        subprocess.run(command, stdin=stdin, stdout=open("/root/said", "w"), stderr=subprocess.STDOUT, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"seconds": used.ru_utime + used.ru_stime, "kilobytes": used.ru_maxrss}))

{"fill": fill, "clock": clock}[sys.argv[1]](*sys.argv[2:])
