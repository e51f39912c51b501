"""The same end state, kept by pyinfra."""

from pyinfra import host
from pyinfra.facts.files import Directory
from pyinfra.operations import apt, files, server, systemd

STATE = "/home/runner/bench/state"
domain = host.name
site = f"/etc/nginx/sites-available/berth-{domain}.conf"

apt.packages(packages=["docker.io", "docker-cli", "docker-compose", "nginx", "certbot"], no_recommends=True)
for folder in ("/opt/berth/auth", "/opt/berth/data"):
    files.directory(path=folder, mode="700")
for name, path, mode in (
    ("compose.yaml", "/opt/berth/compose.yaml", "644"),
    ("config.yml", "/opt/berth/config.yml", "600"),
    ("secret.env", "/opt/berth/secret.env", "600"),
    ("htpasswd", "/opt/berth/auth/htpasswd", "600"),
    ("site.conf", site, "644"),
    ("hook", "/etc/letsencrypt/renewal-hooks/deploy/berth", "755"),
):
    files.put(src=f"{STATE}/{name}", dest=path, mode=mode)
files.link(path=site.replace("available", "enabled"), target=site)
project = f"berth-{domain.replace('.', '-')}"
server.shell(commands=[f"docker compose --project-name {project} --file /opt/berth/compose.yaml up --detach"])
if not host.get_fact(Directory, path=f"/etc/letsencrypt/live/{domain}"):
    server.shell(
        commands=[f"certbot certonly -n --agree-tos --webroot --webroot-path /var/www/berth --domain {domain}"]
    )
for unit in ("docker.service", "nginx.service", "certbot.timer"):
    systemd.service(service=unit, running=True, enabled=True)
