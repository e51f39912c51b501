"""The same end state, kept by pyinfra."""

from pyinfra import host
from pyinfra.facts.files import Directory
from pyinfra.operations import apt, files, server, systemd

STATE = "/home/runner/bench/state"
domain = host.name
generation = open(f"{STATE}/generation").read()
folder = f"/opt/berth/generations/{generation}"
site = f"/etc/nginx/sites-available/berth-{domain}.conf"

apt.packages(packages=["docker.io", "docker-cli", "nginx", "certbot"], no_recommends=True)
for path, mode in (("/opt/berth/data", "700"), ("/opt/berth/run", "2710"), (folder, "755")):
    files.directory(path=path, mode=mode)
for name, path, mode in (
    ("start", f"{folder}/start", "755"),
    ("config.yml", f"{folder}/config.yml", "600"),
    ("secret.env", "/opt/berth/secret.env", "600"),
    ("htpasswd", "/opt/berth/htpasswd", "640"),
    ("site.conf", site, "644"),
    ("hook", "/etc/letsencrypt/renewal-hooks/deploy/berth", "755"),
):
    files.put(src=f"{STATE}/{name}", dest=path, mode=mode)
files.link(path=site.replace("available", "enabled"), target=site)
files.link(path="/opt/berth/registry.sock", target=f"run/{generation}.sock")
container = f"berth-{domain.replace('.', '-')}-{generation}"
server.shell(commands=[f"docker inspect {container} || {folder}/start"])
if not host.get_fact(Directory, path=f"/etc/letsencrypt/live/{domain}"):
    server.shell(
        commands=[f"certbot certonly -n --agree-tos --webroot --webroot-path /var/www/berth --domain {domain}"]
    )
for unit in ("docker.service", "nginx.service", "certbot.timer"):
    systemd.service(service=unit, running=True, enabled=True)
